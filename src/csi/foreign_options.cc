// SPDX-License-Identifier: Apache-2.0
#include "csi/foreign_options.h"

#include <array>
#include <optional>

#include "csi/attribute_values.h"

namespace shoal::csi {
namespace {

constexpr const char* kMetadata =
    "names, sizes and times are all in the kernel's file system, indexed once, and never looked up "
    "again";
constexpr const char* kPageCache = "the kernel keeps what was read in its page cache anyway";
constexpr const char* kParallel =
    "how much is fetched at once follows from how files are read; maxRequests, bufferSize and "
    "maxBandwidth bound it";
constexpr const char* kCache =
    "the cache is in the volume's directory on the node; cacheSize bounds it";
constexpr const char* kWrites =
    "the mount is read-only; write with `shoal put`, `shoal sync`, the uploader library or the "
    "service's SDK";
constexpr const char* kRetries = "requests are tried again until ioTimeout has passed";
constexpr const char* kLogs = "the node agent logs; its --log-level says how much";
constexpr const char* kKeys =
    "keys come from the Secret the volume refers to, else they are the node's";
constexpr const char* kOwner = "whose bucket it is follows from its name and the keys";
constexpr const char* kTls = "the service's certificate is always checked";
constexpr const char* kListing = "the prefix is listed once, when the index is built";
constexpr const char* kModes =
    "every directory and file has the mode that umask leaves, the mount point too";
constexpr const char* kFuse = "the pod sees EROFS in the kernel, not FUSE";
constexpr const char* kKernel = "the mount is always ro,nosuid,nodev";
constexpr const char* kExec = "files have mode 0444 at most, so that none can be executed";
constexpr const char* kLabels =
    "Shoal sets no SELinux labels: files have the one that the node's policy gives to EROFS";
constexpr const char* kMeta =
    "owners, modes and times come from the volume's settings and the listing, not from objects' "
    "metadata";
constexpr const char* kAgentName = "requests carry Shoal's own User-Agent";
constexpr const char* kConnections = "connections to the service are kept open and used again";
constexpr const char* kPlain =
    "requests go to the endpoint as it is named, as the bucket's owner pays for them";

struct Group {
  const char* instead;
  std::string_view names;  // plain names
};
constexpr std::array kGroups{
    Group{kMetadata,
          "maxstatcachesize statcacheexpire statcacheintervalexpire maxmultireq multireqmax "
          "enablenoobjcache enablenegativecache statcacheinterval disablenoobjcache "
          "complementstat notsupcompatdir compatdir readdiroptimize readdirchecksize "
          "readdirplus closetoopen attrtimeout entrytimeout negativetimeout actimeout "
          "metadatattl negativemetadatattl symlinkinmeta enableupdatestatcache "
          "statcachesize maxinodecachecount maxnegativecachecount statcachettl entrylimit "
          "nopreloaddir noimplicitdir nodirobject cheap refreshdirs attrcache entrycache "
          "direntrycache negativeentrycache negativedirentrycache opencache readdircache "
          "noatimecache"},
    Group{kPageCache, "kernelcache autocache directio noautocache"},
    Group{
        kParallel,
        "parallelcount directread directreadprefetchthread directreadprefetchchunks "
        "directreadchunksize directreadprefetchlimit directreadlocalfilecachesizemb "
        "directreadbackwardchunks prefetchconcurrency prefetchchunks prefetchchunksize "
        "prefetchconcurrencyperfile minprefetchconcurrency totalmemlimit maxtotalmemorysize "
        "memorydatacachesize maxthreads maxbackground threads maximumthroughputgbps "
        "readpartsize partsize maxmemorytarget maxthreadcount maxreadahead readahead readaheadsize "
        "streamread bwlimit downloadtrafficlimit downloadlimit memorylimit useenomem gcinterval "
        "smallreadcount smallreadcutoff readaheadsmall largereadcutoff readaheadlarge "
        "readaheadparallel readmerge maxmemory prefetch maxdownloads initialreadahead"},
    Group{kCache,
          "usecache cache delcache ensurediskfree freespaceratio tmpdir checkcachedirexist "
          "diskcachedir diskcachesize cachexz cacheexpress maxcachedisk cachedir cachemode "
          "cachefilemode cachepartialonly cacheeviction cachescaninterval cacheexpire "
          "verifycachechecksum setcheckcachesigusr1 cacheitems"},
    Group{
        kWrites,
        "rw multipartsize multipartcopysize maxdirtydata nocopyapi norenameapi "
        "noshallowcopyapi enablecontentmd5 contentmd5 uploadconcurrency uploadbuffersize "
        "allowdelete allowoverwrite incrementalupload usesse loadssec storageclass defaultacl "
        "acl mime ahbeconf userrs renamedirlimit renamedirconcurrency writepartsize "
        "uploadchecksums sse ssekmskeyid disableobjectcreation appendable mixupload "
        "multipartthreshold ahbe notruncate setcheckfailopen forcelinkdelete "
        "disableatomicrename dropcacheonclose flushpermissions singlepartcopylimit nomultipart "
        "nomixupload uploadtrafficlimit uploadlimit writeback uploaddelay maxuploads maxdeletes "
        "enableappendableobject appendableobjectautoswitchthreshold appendbasedwrite "
        "maxflushers maxparallelparts maxparallelcopy singlepart partsizes enablepatch "
        "droppatchconflicts preferpatchuploads maxmergecopy ignorefsync fsynconclose "
        "multipartcopythreshold multipartage noexpiremultipart coldminsize ssekms ssec nochecksum "
        "usecontenttype dirsync"},
    Group{kRetries,
          "retries connecttimeout readwritetimeout awsmaxattempts maxretries timeout httptimeout "
          "ioretries gettimeout puttimeout sdkmaxretries sdkminretrydelay "
          "sdkmaxretrydelay sdkminthrottledelay sdkmaxthrottledelay readretryinterval"},
    Group{kLogs,
          "dbglevel debug d f curldbg loglevel logdir logfile logdirectory logmetrics "
          "debugcrt nolog instancename enableadminserver bodydata notimestampmsg logfilemaxsize "
          "logfilemaxcount foreground otlpendpoint otlpexportinterval verbose trace quiet "
          "debugfuse debugs3"},
    Group{kAgentName, "noua useragent useragentprefix"},
    Group{kConnections, "nodnscache nosscache connections maxidleconns"},
    Group{kMeta,
          "usexattr disablexattr enablexattr enableperms enablemtime enablespecials nospecials "
          "uidattr gidattr modeattr rdevattr mtimeattr symlinkattr symlinkzeroed refreshattr "
          "setuid setgid"},
    Group{kOwner, "expectedbucketowner projectid"},
    Group{kLabels, "context fscontext defcontext rootcontext seclabel"},
    Group{kExec, "exec"},
    Group{
        kKeys,
        "passwdfile iamrole ramrole ramrolearn accesskeyid accesskeysecret ecsmetadata ibmiamauth "
        "ibmiamendpoint profile credlib credlibopts ossaccesskeyid "
        "ossaccesskeysecret credentialprocess noprofile imdsv1only stsregion ecs "
        "usesessiontoken iam iamheader iamflavor iamurl sharedconfig"},
    Group{kTls,
          "nocheckcertificate sslverifyhostname sslclientcert cipherssuites ciphersuites "
          "noverifyssl"},
    Group{kListing,
          "listobjectsv2 listobjectsv1 listobjectmaxkeys nocompatdir listmaxkeys listtype "
          "nodetect"},
    Group{kModes, "mpumask"},
    Group{kFuse,
          "nonempty bigwrites largeread syncread asyncread maxwrite maxread fsname subtype "
          "hardremove useino readdirino singlethread s clonefd allowroot bind autounmount "
          "blkdev congestionthreshold iouring spliceread splicewrite splicemove"},
    Group{kKernel, "suid dev atime diratime lazytime strictatime remount"},
    Group{kPlain,
          "requesterpays transferacceleration dualstack noxmlns notsigncontent servicepath"},
};

// Is so anyway, or says nothing that a reader could notice.
constexpr std::string_view kSatisfied =
    "allowother ro readonly defaultpermissions nosuid nodev noexec noatime nodiratime relatime "
    "netdev nofail defaults sync async auto noauto user nouser users owner group comment "
    "listonlyone nolazytime nostrictatime";

// Other names of our own settings.
struct Alias {
  std::string_view name;  // plain
  std::string_view setting;
};
constexpr std::array kAliases{
    Alias{"endpointurl", "endpoint"}, Alias{"host", "url"},  // of s3fs, in its early days
    Alias{"ossbucket", "bucket"},     Alias{"ossendpoint", "endpoint"},
    Alias{"ossregion", "region"},     Alias{"signature", "sigversion"},
};
// Settings that may be written as options under their own name.
constexpr std::string_view kOwn =
    "bucket url region addressing umask uid gid maxrequests maxqps maxbandwidth "
    "iotimeout resourcelimit order warm indexmaxage sigversion provider filemode dirmode";

bool has_word(std::string_view words_text, std::string_view word) {
  for (std::size_t at = words_text.find(word); at != std::string_view::npos;
       at = words_text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || words_text[at - 1] == ' ') &&
        (end == words_text.size() || words_text[end] == ' '))
      return true;
  }
  return false;
}

// A switch that was given without a value is on.
std::string switch_value(const Option& option) {
  return option.value.empty() ? "true" : option.value;
}

bool is_on(const Option& option) {
  return bool_value(switch_value(option)).value_or(true);
}

// A bare number that is none of bytes: nobody has a cache of less than 10 MB.
std::string with_unit(const std::string& value) {
  const auto number = number_value(value);
  return number && *number > 0 && *number < 10'000'000 ? value + "M" : value;
}

// Options whose meaning depends on their value, or that set something of another name.
std::optional<OptionMeaning> mapped(const std::string& name, const Option& option) {
  const auto when_on = [&](const char* setting, const char* value) -> OptionMeaning {
    if (is_on(option)) return Means{setting, value};
    return Satisfied{};
  };
  if (name == "usepathrequeststyle" || name == "forcepathstyle")
    return when_on("addressing", "path");
  if (name == "publicbucket" || name == "nosignrequest") return when_on("authtype", "public");
  if (name == "sigv4") return when_on("sigversion", "v4");
  if (name == "sigv1") return when_on("sigversion", "v1");
  if (name == "sigv2")
    return Ignored{"requests to S3 are always signed by version 4, to OSS as sigVersion says"};
  // s3fs says "endpoint" for what everybody else calls the region.
  if (name == "endpoint") {
    const bool host = option.value.find_first_of(".:/") != std::string::npos;
    return Means{host ? "endpoint" : "region", option.value};
  }
  if (name == "prefix" || name == "ossbucketprefix" || name == "bucketprefix")
    return Means{"path", option.value.starts_with('/') ? option.value : "/" + option.value};
  if (name == "subdomain") return when_on("addressing", "virtual");
  // mountpoint-s3 and JuiceFS count MiB.
  if (name == "maxcachesize" || name == "cachesize")
    return Means{"cachesize", with_unit(option.value)};
  if (name == "buffersize") return Means{name, with_unit(option.value)};
  if (name == "directmode" || name == "direct" || name == "noprefetch" || name == "pin")
    return Means{name == "direct" ? "directmode" : name, switch_value(option)};
  return std::nullopt;
}

}  // namespace

OptionMeaning meaning_of(const Option& option) {
  if (lower(option.name).starts_with("x-")) return Satisfied{};  // for mount(8) and systemd
  const std::string name = plain_name(option.name);
  if (auto meaning = mapped(name, option)) return *std::move(meaning);
  for (const Alias& alias : kAliases)
    if (alias.name == name) return Means{std::string(alias.setting), option.value};
  if (has_word(kOwn, name)) return Means{name, option.value};
  if (has_word(kSatisfied, name)) return Satisfied{};
  for (const Group& group : kGroups)
    if (has_word(group.names, name)) return Ignored{group.instead};
  return Unknown{};
}

}  // namespace shoal::csi
