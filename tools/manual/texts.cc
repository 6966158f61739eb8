// SPDX-License-Identifier: Apache-2.0
#include "tools/manual/texts.h"

namespace shoal::tools::texts {
namespace {

constexpr Entry kFileEntries[] = {
    {"/etc/shoal/shoal.toml", "Settings; see shoal.toml(5)."},
    {"/var/lib/shoal/volumes",
     "One directory per dataset: index, image, cache, and the log of its mounts in "
     "log/server.log. Removing it forgets everything about the dataset; nothing in the bucket "
     "changes."},
    {"/var/lib/shoal/uploads", "Journals: what is still to be sent."},
    {"/run/shoal", "Sockets and state of live mounts."},
};

constexpr Entry kSwitchEntries[] = {
    {"-f", "Check everything, mount nothing."},
    {"-n", "Nothing: there is no mtab."},
    {"-s", "Ignore options that nobody knows."},
    {"-v", "Print the command of shoal that is run, and what it prints."},
    {"noexec", "Files of the mount cannot be executed."},
    {"remount", "Refused: a mount cannot be changed."},
    {"_netdev, nofail, noauto, user=, x-systemd.*, ro, rw, nosuid, nodev, noatime, ...",
     "Understood by mount(8) and systemd, without meaning here: a mount is always read-only, "
     "without "
     "devices and set-user-ID bits, and keeps no access times."},
};

}  // namespace

const char* const kProgram =
    R"(A dataset is what is below a URL: s3://bucket/prefix, oss://bucket/prefix, or file:///directory. It
is listed once, into a volume on this machine, which also holds what was fetched. A mount shows the
state that was listed; shoal-index-build(1) with --rebuild lists again.)";

const char* const kCommandEnvironment =
    R"(What flags leave open is taken from the environment (SHOAL_CACHE_SIZE for --cache-size, and so on),
then from /etc/shoal/shoal.toml, see shoal.toml(5). SHOAL_CONFIG names another file.)";

const char* const kForeignEnvironment =
    R"(Keys, region and endpoint are also looked up where the providers' tools look: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL, AWS_PROFILE, OSS_ACCESS_KEY_ID,
OSS_ACCESS_KEY_SECRET, OSS_SESSION_TOKEN, OSS_ENDPOINT, ALIBABA_CLOUD_ACCESS_KEY_ID and its like,
~/.aws/credentials, ~/.aws/config and ~/.ossutilconfig. A flag, a SHOAL_ variable and a setting in the
file win over these.)";

const char* const kExitStatus = R"(0: done. 1: not or only partly done. 2: wrong usage.)";

const std::span<const Entry> kFiles = kFileEntries;

const char* const kSettingsFile =
    R"(Every long flag of every command is a setting, too, except those that say what one call is to do
(--dry-run, --json, and the like). A flag wins over the environment, the environment over this file, and
this file over the default. shoal-config-show(1) says what holds, and who said so; shoal-config-check(1)
names what is wrong in a file. The file is /etc/shoal/shoal.toml; SHOAL_CONFIG and `shoal --config FILE`
name another.

The file is TOML. A setting at its top is for every command that has the flag. A table named after a
command is for that command, one named after a URL is for the dataset of that URL and all below it:

  cache-size = "20G"

  [put]
  max-requests = 64

  ["s3://market-data"]
  endpoint = "https://s3.example.com"

  ["s3://market-data/minute-bars"]
  cache-size = "200G"

  ["s3://market-data/minute-bars".mount]
  io-timeout = 120

The most specific place wins: the longest URL first, then the command. "s3://" and "oss://" stand for
all datasets of a kind. What a command does with several datasets at once must be the same for all.

Sizes are text ("512M", "20GiB"), flags are true or false, paths are absolute. Names are written with
- or _. A name that no command knows is an error, and so is a key: keys belong into a file that only
root can read, in the form of ~/.aws/credentials, which credentials-file names.)";

const char* const kSettingsExamples =
    R"(Three datasets on two services, so that `shoal mount oss://logs/2026 /mnt/logs` is all there is to
write:

  volumes = "/data/shoal/volumes"
  credentials-file = "/etc/shoal/credentials"

  ["oss://logs"]
  region = "cn-hangzhou"
  profile = "logs"

  ["s3://market-data"]
  endpoint = "https://s3.example.com"
  addressing = "path"

  ["s3://market-data/minute-bars"]
  cache-size = "200G"

  ["s3://market-data/ticks"]
  cache-size = "1T")";

const char* const kMountHelper =
    R"(mount(8) runs mount.shoal for file systems of type shoal: a URL (s3://bucket/prefix,
oss://bucket/prefix, file:///directory) or the directory of a volume. It returns when the mount is
usable, or says why it is not and leaves nothing behind. If the dataset has no index yet it is listed
first, which takes minutes for millions of objects: raise x-systemd.mount-timeout= then. A dataset that
is mounted there already is left alone. umount(8) unmounts.

Options are the long flags of shoal-mount(1) without their dashes, with - or _. What they leave open
comes from the environment and from shoal.toml(5). A comma in a value is written as \, or the value
stands in double quotes. There is no option for keys: everybody can read fstab. Name a file with
credentials-file=, or a profile with profile=; without HOME the one of the calling user is taken.)";

const std::span<const Entry> kHelperSwitches = kSwitchEntries;

const char* const kHelperExitStatus =
    R"(As mount(8): 0: mounted. 1: wrong usage. 32: the mount failed.)";

const char* const kHelperExamples =
    R"(In /etc/fstab:

  s3://market-data/bars /mnt/bars shoal _netdev,nofail,cache-size=50G 0 0
  oss://logs/2026 /mnt/logs shoal _netdev,noauto,x-systemd.automount 0 0

By hand:

  mount -t shoal s3://market-data/bars /mnt/bars -o profile=work)";

}  // namespace shoal::tools::texts
