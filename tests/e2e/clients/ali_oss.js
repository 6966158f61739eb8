// SPDX-License-Identifier: Apache-2.0
// The round of work through ali-oss, once signed with V1 and once with V4. Prints PASS or FAIL lines.
const OSS = require('ali-oss');
const assert = require('assert');

const host = process.env.DEVBUCKET_HOST;
const big = Buffer.alloc(20 << 20);
for (let i = 0; i < big.length; i += 4) big.writeUInt32LE(i, i);
const odd = ['plain.txt', 'with space.txt', 'é ü 你好.txt', 'plus+plus.txt', 'per%20cent%.txt',
  'quote\'"s.txt', 'amp&lt<gt>.txt', 'deep/er/file.txt'];

function client(v4, bucket, secret = process.env.DEVBUCKET_SECRET) {
  return new OSS({
    endpoint: `http://localhost:${host.split(':')[1]}`, accessKeyId: process.env.DEVBUCKET_KEY, accessKeySecret: secret,
    bucket, region: 'oss-cn-hangzhou', authorizationV4: v4, sldEnable: true, secure: false,
    retryMax: 0,
  });
}

async function check(name, action) {
  try {
    await action();
    console.log(`PASS ${name}`);
  } catch (error) {
    console.log(`FAIL ${name}: ${`${error.code} ${error.message} ${error.stack}`.replace(/\n/g, ' ')}`);
  }
}

async function code(action) {
  try {
    await action();
    return 'none';
  } catch (error) {
    return error.code;
  }
}

async function round(v4) {
  const name = v4 ? 'ali-oss v4' : 'ali-oss v1';
  const bucket = v4 ? 'ali-v4' : 'ali-v1';
  const oss = client(v4, bucket);
  await check(`${name} create_bucket`, async () => {
    await oss.putBucket(bucket);
    const names = (await oss.listBuckets()).buckets.map((b) => b.name);
    assert(names.includes(bucket), names.join());
  });
  await check(`${name} odd_keys`, async () => {
    for (const key of odd) {
      await oss.put(key, Buffer.from(key), { meta: { word: 'value' } });
      const got = await oss.get(key);
      assert.strictEqual(got.content.toString(), key);
      assert.strictEqual((await oss.head(key)).meta.word, 'value');
    }
  });
  await check(`${name} list_many`, async () => {
    const keys = [...Array(1050).keys()].map((i) => `many/${i % 3}/${String(i).padStart(5, '0')}`);
    await Promise.all(keys.map((key) => oss.put(key, Buffer.from('x'))));
    for (const list of ['list', 'listV2']) {
      const seen = [];
      let next = {};
      do {
        const page = await oss[list]({ prefix: 'many/', 'max-keys': 1000, ...next });
        seen.push(...page.objects.map((o) => o.name));
        next = list === 'list' ? { marker: page.nextMarker } : { 'continuation-token': page.nextContinuationToken };
        if (!page.isTruncated) break;
      } while (true);
      assert.deepStrictEqual(seen, [...keys].sort());
      const top = await oss[list]({ prefix: 'many/', delimiter: '/' });
      assert.deepStrictEqual(top.prefixes, ['many/0/', 'many/1/', 'many/2/']);
    }
  });
  await check(`${name} ranged_get`, async () => {
    await oss.put('range', Buffer.from('0123456789'));
    const get = (headers) => oss.get('range', { headers });
    const part = await get({ Range: 'bytes=2-4' });
    assert.strictEqual(part.content.toString(), '234');
    assert.strictEqual(part.res.status, 206);
    const lenient = await get({ Range: 'bytes=5-50' });
    assert.strictEqual(lenient.content.toString(), '0123456789');
    assert.strictEqual(lenient.res.status, 200);
    const clipped = await get({ Range: 'bytes=5-50', 'x-oss-range-behavior': 'standard' });
    assert.strictEqual(clipped.content.toString(), '56789');
    assert.strictEqual(await code(() => get({ Range: 'bytes=50-', 'x-oss-range-behavior': 'standard' })), 'InvalidRange');
  });
  await check(`${name} multipart`, async () => {
    const done = await oss.multipartUpload('big.bin', big, { partSize: 1 << 20, parallel: 4 });
    assert(done.etag.endsWith('-20"'), done.etag);
    const got = await oss.get('big.bin');
    assert(big.equals(got.content));
    assert.strictEqual(got.res.headers['x-oss-object-type'], 'Multipart');
  });
  await check(`${name} append`, async () => {
    const first = await oss.append('log', Buffer.from('12345'));
    const second = await oss.append('log', Buffer.from('6789'), { position: first.nextAppendPosition });
    const got = await oss.get('log');
    assert.strictEqual(got.content.toString(), '123456789');
    // The published check value of CRC-64/XZ.
    assert.strictEqual(second.res.headers['x-oss-hash-crc64ecma'], '11051210869376104954');
    assert.strictEqual(got.res.headers['x-oss-hash-crc64ecma'], '11051210869376104954');
    assert.strictEqual(await code(() => oss.append('log', Buffer.from('x'), { position: 3 })), 'PositionNotEqualToLength');
    assert.strictEqual(await code(() => oss.append('range', Buffer.from('x'), { position: 10 })), 'ObjectNotAppendable');
  });
  await check(`${name} copy`, async () => {
    await oss.copy('copied é', 'with space.txt');
    assert.strictEqual((await oss.get('copied é')).content.toString(), 'with space.txt');
  });
  await check(`${name} forbid_overwrite`, async () => {
    const headers = { 'x-oss-forbid-overwrite': 'true' };
    assert.strictEqual(await code(() => oss.put('range', Buffer.from('x'), { headers })), 'FileAlreadyExists');
    await oss.put('range-new', Buffer.from('x'), { headers });
  });
  await check(`${name} missing_and_url`, async () => {
    assert.strictEqual(await code(() => oss.get('nothing')), 'NoSuchKey');
    assert.strictEqual(await code(() => oss.head('nothing')), 'NoSuchKey');
    const url = v4 ? await oss.signatureUrlV4('GET', 60, {}, 'range') : oss.signatureUrl('range', { expires: 60 });
    const answer = await fetch(url);
    assert.strictEqual(await answer.text(), '0123456789');
    assert.strictEqual((await fetch(url.replace('range?', 'log?'))).status, 403);
  });
  await check(`${name} delete`, async () => {
    await oss.delete('range');
    while (true) {
      const page = await oss.listV2({ 'max-keys': 1000 });
      if (!page.objects || page.objects.length === 0) break;
      await oss.deleteMulti(page.objects.map((o) => o.name), { quiet: true });
    }
    await oss.deleteBucket(bucket);
    assert.strictEqual(await code(() => oss.listV2({})), 'NoSuchBucket');
  });
  await check(`${name} wrong_secret`, async () => {
    assert.strictEqual(await code(() => client(v4, bucket, 'wrong').listV2({})), 'SignatureDoesNotMatch');
  });
}

// For an address as endpoint ali-oss puts the bucket into the Host header of the real service.
async function byHost() {
  const bucket = 'ali-host';
  const oss = new OSS({
    endpoint: `http://${host}`, accessKeyId: process.env.DEVBUCKET_KEY,
    accessKeySecret: process.env.DEVBUCKET_SECRET, bucket, region: 'oss-cn-hangzhou', retryMax: 0,
  });
  await check('ali-oss bucket_in_host', async () => {
    await oss.putBucket(bucket);
    await oss.put('a/b c', Buffer.from('by host'));
    assert.strictEqual((await oss.get('a/b c')).content.toString(), 'by host');
    assert.strictEqual((await oss.listV2({})).objects[0].name, 'a/b c');
  });
}

(async () => {
  await byHost();
  await round(false);
  await round(true);
})();
