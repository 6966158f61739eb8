# SPDX-License-Identifier: Apache-2.0
"""Whose keys: by stage, by publish, wrong, rotated, none; inline volumes; what must not be told."""
import os
import re

from rig import KEYS, SECRETS, expect, same, until, until_ok

WRONG = {"akId": "lab-key", "akSecret": "wrong-hush-secret"}
NEW = ("new-key", "rotated-hush-secret")


def begin(rig):
    pass


def wrong_keys(rig):
    """wrong keys are refused with the reason, nothing is left, and right ones work afterwards"""
    volume = rig.volume("wrong", rig.dataset("/part-1"), stage_secrets=WRONG)
    answer = volume.stage()
    assert answer.code in ("PERMISSION_DENIED", "UNAUTHENTICATED"), answer
    assert "s3://b/part-1" in answer.message, answer
    publish = rig.volume("wrong", rig.dataset("/part-1"), secrets=WRONG)
    answer = publish.publish()
    assert answer.code in ("PERMISSION_DENIED", "UNAUTHENTICATED"), answer
    assert not os.path.exists(publish.target()), "a plain directory in place of a mount"
    publish.unstage()
    volume.stage_secrets = KEYS
    volume.bring()
    same(f"{rig.lab}/buckets-main/b/part-1", volume.target())
    volume.take_away()


def a_secret_that_is_mended(rig):
    """a publish with wrong keys, or with an empty secret, succeeds as soon as the secret is right"""
    for name, before in (("mended", WRONG), ("filled", {}), ("blank", {"akId": "", "akSecret": " "})):
        volume = rig.volume(name, rig.dataset("/part-6"), secrets=before)
        expect(volume.stage(), "OK")
        for _ in range(2):
            answer = volume.publish()
            assert answer.code in ("PERMISSION_DENIED", "UNAUTHENTICATED"), answer
            assert not os.path.exists(volume.target()), "a plain directory in place of a mount"
        volume.secrets = KEYS  # kubelet publishes again; it does not stage again
        until_ok(volume.publish)
        same(f"{rig.lab}/buckets-main/b/part-6", volume.target())
        volume.take_away()


def keys_by_stage_and_publish(rig):
    """keys by stage and by publish: those that came last are used, and a wrong stage spoils nothing"""
    rig.start_bucket("both", keys=(("lab-key", "lab-hush-secret"), NEW))
    folder = f"{rig.lab}/buckets-both/b"
    os.makedirs(folder)
    for number in range(20):
        with open(f"{folder}/{number}", "wb") as file:
            file.write(os.urandom(3000))
    context = {"bucket": "b", "url": rig.bucket_urls["both"], "noPrefetch": "true"}
    volume = rig.volume("both", context, stage_secrets=KEYS, secrets=dict(zip(("akId", "akSecret"), NEW))).bring()
    rig.write_keys("both", NEW)
    until(lambda: readable(folder, volume, 19), 30, "a file under the later keys")
    same(folder, volume.target())
    volume.take_away()


def readable(folder, volume, number):
    try:
        with open(f"{volume.target()}/{number}", "rb") as shown, open(f"{folder}/{number}", "rb") as original:
            return shown.read() == original.read()
    except OSError:
        return False


def a_missing_bucket(rig):
    """a missing bucket is not found"""
    volume = rig.volume("missing", {"bucket": "nowhere", "url": rig.bucket_urls["main"]}, stage_secrets=KEYS)
    expect(volume.stage(), "NOT_FOUND", "nowhere")
    expect(volume.stats(path=volume.staging), "NOT_FOUND")


def a_service_that_is_away(rig):
    """a service that cannot be reached is no final failure"""
    volume = rig.volume("away", {"bucket": "b", "url": "http://127.0.0.1:1"}, stage_secrets=KEYS)
    answer = volume.stage(timeout=7)  # of which 5 s are the driver's reserve
    assert answer.code in ("UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED"), answer
    until_ok(volume.unstage)


def every_spelling_of_a_secret(rig):
    """keys are taken under the names of every provider"""
    for number, names in enumerate((("AccessKeyId", "AccessKeySecret"), ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
                                    ("key_id", "access_key"), ("access_key", "secret_key"))):
        secrets = dict(zip(names, KEYS.values()))
        volume = rig.volume(f"spelling-{number}", rig.dataset("/part-2"), stage_secrets=secrets).bring()
        same(f"{rig.lab}/buckets-main/b/part-2", volume.target())
        volume.take_away()


def a_public_bucket(rig):
    """a public bucket needs no keys"""
    os.makedirs(f"{rig.lab}/buckets-public/b/d")
    with open(f"{rig.lab}/buckets-public/b/d/file", "w", encoding="ascii") as file:
        file.write("public")
    rig.start_bucket("public", "--anonymous-read")
    volume = rig.volume("public", rig.dataset("/d", "public", authType="public")).bring()
    same(f"{rig.lab}/buckets-public/b/d", volume.target())
    volume.take_away()


def rotated_keys(rig):
    """a repeated publish with new keys renews them under the mount, without a new one"""
    rig.start_bucket("rotating")
    folder = f"{rig.lab}/buckets-rotating/b"
    os.makedirs(folder)
    for number in range(40):
        with open(f"{folder}/{number}", "wb") as file:
            file.write(os.urandom(5000))
    context = {"bucket": "b", "url": rig.bucket_urls["rotating"], "noPrefetch": "true"}
    volume = rig.volume("rotating", context, secrets=KEYS).bring()

    def read(number):
        with open(f"{volume.target()}/{number}", "rb") as shown, open(f"{folder}/{number}", "rb") as original:
            assert shown.read() == original.read(), number
    read(0)
    before = rig.server_of("s3://b/")
    rig.write_keys("rotating", (*NEW, "hush-token"))
    volume.secrets = {"AccessKeyId": NEW[0], "AccessKeySecret": NEW[1], "SecurityToken": "hush-token"}

    # The bucket looks at its file ten times a second; what it refused meanwhile is read again.
    expect(volume.publish(), "OK")

    def readable(number):
        try:
            read(number)
            return True
        except OSError:
            return False
    for number in range(1, 40):
        until(lambda number=number: readable(number), 30, f"file {number} under new keys")
    after = rig.server_of("s3://b/")
    assert (before["keeper_pid"], before["server_pid"]) == (after["keeper_pid"], after["server_pid"]), (before, after)
    assert rig.mounts().count(volume.target()) == 1
    volume.take_away()


def inline_volumes(rig):
    """inline volumes live and die with their pod"""
    context = rig.dataset("/part-3", **{"csi.storage.k8s.io/ephemeral": "true", "csi.storage.k8s.io/pod.name": "p"})
    volumes = [rig.volume(f"csi-{number:064x}", context, secrets=KEYS) for number in range(3)]
    for volume in volumes:
        until_ok(lambda volume=volume: volume.publish(staging_target_path=""))
        same(f"{rig.lab}/buckets-main/b/part-3", volume.target())
    assert len(rig.status()) == 1, "volumes of one dataset and key share a mount"
    for volume in volumes:
        expect(volume.unpublish(), "OK")
        assert not os.path.exists(volume.target())
        expect(volume.stats(), "NOT_FOUND")
    until(lambda: not rig.status(), what="the end of the mount")


def inline_volumes_without_keys(rig):
    """inline volumes never get the node's keys"""
    context = rig.dataset("/part-3", **{"csi.storage.k8s.io/ephemeral": "true"})
    volume = rig.volume("csi-none", context)
    expect(volume.publish(staging_target_path=""), "UNAUTHENTICATED", "nodePublishSecretRef")
    assert not os.path.exists(volume.target())


def a_failed_inline_volume(rig):
    """an inline volume that fails leaves nothing in the agent"""
    context = {"bucket": "nowhere", "url": rig.bucket_urls["main"], "csi.storage.k8s.io/ephemeral": "true"}
    volume = rig.volume("csi-failed", context, secrets=KEYS)
    expect(volume.publish(staging_target_path=""), "NOT_FOUND")
    expect(volume.stats(), "NOT_FOUND")
    assert not os.path.exists(volume.target())


def the_nodes_keys(rig):
    """a volume without a secret uses the node's own keys"""
    volume = rig.volume("node-keys", rig.dataset("/part-4"))
    answer = volume.publish()
    assert answer.code in ("PERMISSION_DENIED", "UNAUTHENTICATED"), f"this node has none: {answer}"
    until_ok(volume.unstage)
    rig.agent.end()
    rig.start_agent(AWS_ACCESS_KEY_ID=KEYS["akId"], AWS_SECRET_ACCESS_KEY=KEYS["akSecret"])
    volume.bring()
    same(f"{rig.lab}/buckets-main/b/part-4", volume.target())
    volume.take_away()
    rig.agent.end()
    rig.start_agent()


def tells_no_secrets(rig):
    """no log of anybody, and nothing the agent keeps, has a secret in it"""
    rig.volume("kept", rig.dataset("/part-5"), stage_secrets=KEYS).bring()
    logs = rig.logs()
    assert len(logs) > 1000
    for secret in SECRETS:
        assert secret not in logs, next(line for line in logs.splitlines() if secret in line)
    kept = 0
    for folder, folders, names in os.walk(f"{rig.lab}/agent"):
        folders[:] = [name for name in folders if name != "mounts"]
        for name in names:
            kept += 1
            with open(f"{folder}/{name}", "rb") as file:
                text = file.read()
            assert not any(secret.encode() in text for secret in SECRETS), f"{folder}/{name}"
    assert kept > 0
    rig.volume("kept", {}).take_away()


def names_calls_to_the_agent(rig):
    """the agent's log names the calls of the driver's"""
    ids = set(re.findall(r"request_id=(csi-\S+)", rig.agent.text()))
    calls = [line for line in rig.driver.text().splitlines() if "rpc=NodePublishVolume" in line and "code=OK" in line]
    assert calls
    last = re.search(r"request_id=(\S+)", calls[-1]).group(1)
    assert last in ids, (last, sorted(ids)[-3:])


CASES = [wrong_keys, a_secret_that_is_mended, keys_by_stage_and_publish, a_missing_bucket, a_service_that_is_away, every_spelling_of_a_secret, a_public_bucket,
         rotated_keys, inline_volumes, inline_volumes_without_keys, a_failed_inline_volume, the_nodes_keys,
         tells_no_secrets, names_calls_to_the_agent]
