# SPDX-License-Identifier: Apache-2.0
"""Volumes as published guides have them, to the letter: public host names by HTTPS and HTTP, and what a
StorageClass makes."""
import os
import shutil

import csi_pb2
from node import PublicService
from rig import KEYS, Client, expect, same, until, until_ok

BUCKET, REGION = "examplebucket", "cn-beijing"
PUBLIC, INTERNAL = f"oss-{REGION}.aliyuncs.com", f"oss-{REGION}-internal.aliyuncs.com"
service = None


def begin(rig):
    global service
    shutil.copytree(rig.tree, f"{rig.lab}/buckets-oss/{BUCKET}/tf-train/train/data")
    rig.start_bucket("oss", "--region", REGION)
    service = PublicService(rig.lab, [f"{BUCKET}.{host}" for host in (PUBLIC, INTERNAL)],
                            int(rig.bucket_urls["oss"].rsplit(":", 1)[1]))


def finish(rig):
    service.end()


def the_guides_volumes(rig):
    """the guide's volumes work with only the driver's name changed: keys by publish, HTTPS, several pods"""
    reads = rig.volume("tf-train-pv", {
        "bucket": BUCKET, "url": PUBLIC, "path": "/tf-train/train/data",
        "otherOpts": "-o kernel_cache -o max_stat_cache_size=10000 -o umask=022 -o allow_other"}, secrets=KEYS)
    expect(reads.stage(), "OK")
    assert not rig.status(), "without keys nothing begins"
    for pod in ("pod-1", "pod-2", "pod-3"):
        until_ok(lambda pod=pod: reads.publish(pod))
        same(rig.tree, reads.target(pod))
    assert len(rig.status()) == 1, "one mount for all pods"
    for _ in range(3):
        expect(reads.publish("pod-3"), "OK")
    warnings = [line for line in rig.driver.text().splitlines() if "csi.volume" in line and "tf-train-pv" in line]
    assert len(warnings) == 2 and "kernel_cache" in warnings[0] and "max_stat_cache_size" in warnings[1], warnings
    folder = next(entry.path for entry in os.scandir(reads.target()) if entry.is_dir())
    assert os.stat(folder).st_mode & 0o777 == 0o555, oct(os.stat(folder).st_mode)
    # The one it writes to is read by us, too.
    writes = rig.volume("tf-logging-pv", {"bucket": BUCKET, "url": PUBLIC, "path": "/tf-train",
                                          "otherOpts": "-o max_stat_cache_size=0 -o allow_other"}, secrets=KEYS, mode=5).bring()
    same(rig.tree, f"{writes.target()}/train/data")
    writes.take_away()
    reads.take_away("pod-1", "pod-2", "pod-3")


def strmvols_volume(rig):
    """a volume as strmvol has them, by the internal address: keys by stage"""
    volume = rig.volume("strmvol", {"bucket": BUCKET, "url": INTERNAL, "path": "/tf-train/train/data", "directMode": "false",
                                    "resourceLimit": "2c4g", "umask": "0022"}, stage_secrets=KEYS).bring()
    same(rig.tree, volume.target())
    assert "tf-train" not in "".join(line for line in rig.driver.text().splitlines() if "csi.volume" in line and "volume=strmvol" in line)
    volume.take_away()


def a_storage_classes_volume(rig):
    """what CreateVolume makes of a StorageClass is staged, published and read; DeleteVolume leaves the data"""
    endpoint = f"{rig.lab}/csi/provisioner.sock"
    driver = rig.start(rig.driver_command(endpoint=endpoint, mode="controller"), "csi-provisioner")
    client = Client(endpoint)
    folder = f"{rig.lab}/buckets-oss/{BUCKET}"
    before = sorted(os.path.join(*one) for top in os.walk(folder) for one in ((top[0], name) for name in top[2]))
    capability = rig.volume("any", {}).capability()
    made = client.call("CreateVolume", csi_pb2.CreateVolumeRequest(
        name="pvc-7f0c", volume_capabilities=[capability], capacity_range=csi_pb2.CapacityRange(required_bytes=5 << 30),
        parameters={"bucket": BUCKET, "url": INTERNAL, "path": "/tf-train/train/data", "umask": "0022",
                    "csi.storage.k8s.io/pv/name": "pvc-7f0c", "csi.storage.k8s.io/pvc/name": "claim",
                    "csi.storage.k8s.io/pvc/namespace": "default"}), 20)
    expect(made, "OK")
    # As the provisioner writes it into the PersistentVolume.
    context = {**made.response.volume.volume_context,
               "storage.kubernetes.io/csiProvisionerIdentity": "1763900000000-8081-csi.shoal.dev"}
    volume = rig.volume(made.response.volume.volume_id, context, stage_secrets=KEYS).bring()
    same(rig.tree, volume.target())
    for _ in range(2):
        expect(client.call("DeleteVolume", csi_pb2.DeleteVolumeRequest(volume_id=volume.name), 20), "OK")
    same(rig.tree, volume.target())
    volume.take_away()
    expect(client.call("DeleteVolume", csi_pb2.DeleteVolumeRequest(volume_id=volume.name), 20), "OK")
    after = sorted(os.path.join(*one) for top in os.walk(folder) for one in ((top[0], name) for name in top[2]))
    assert after == before and before, "objects were removed"
    client.close()
    assert driver.end() == 0
    until(lambda: not rig.status(), what="the end of the mount")


CASES = [the_guides_volumes, strmvols_volume, a_storage_classes_volume]
