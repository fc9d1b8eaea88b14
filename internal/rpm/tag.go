package rpm

import "fmt"

// tag is a number of rpm's include/rpm/rpmtag.h.
type tag uint32

const (
	tagHeaderImage      tag = 61
	tagHeaderSignatures tag = 62
	tagHeaderImmutable  tag = 63
	tagI18NTable        tag = 100 // the least tag that is no region

	// Of the signature header.
	tagSigSHA1     tag = 269  // of the header, in hexadecimal
	tagSigLongSize tag = 270  // bytes of header and payload
	tagSigSHA256   tag = 273  // of the header, in hexadecimal
	tagSigSize     tag = 1000 // bytes of header and payload
	tagSigMD5      tag = 1004 // of header and payload

	tagName           tag = 1000
	tagVersion        tag = 1001
	tagRelease        tag = 1002
	tagEpoch          tag = 1003
	tagSummary        tag = 1004
	tagArch           tag = 1022
	tagOldFileNames   tag = 1027
	tagFileSizes      tag = 1028
	tagFileModes      tag = 1030
	tagFileRdevs      tag = 1033
	tagFileDigests    tag = 1035
	tagFileLinkTos    tag = 1036
	tagFileFlags      tag = 1037
	tagFileUserName   tag = 1039
	tagFileGroupName  tag = 1040
	tagSourceRPM      tag = 1044
	tagFileVerify     tag = 1045
	tagNoSource       tag = 1051
	tagNoPatch        tag = 1052
	tagFileDevices    tag = 1095
	tagFileInodes     tag = 1096
	tagFileLangs      tag = 1097
	tagDirIndexes     tag = 1116
	tagBaseNames      tag = 1117
	tagDirNames       tag = 1118
	tagLongFileSizes  tag = 5008
	tagFileCaps       tag = 5010
	tagFileDigestAlgo tag = 5011
	tagPayloadDigest  tag = 5092
	tagPayloadAlgo    tag = 5093
)

// Of rpm's include/rpm/rpmcrypto.h; a file digest without a number is MD5.
const (
	algoMD5    = 1
	algoSHA256 = 8
)

// String returns the name that rpm gives the tag, as far as this package reads it, and its
// number.
func (t tag) String() string {
	if s, ok := tagNames[t]; ok {
		return fmt.Sprintf("tag %d (%s)", uint32(t), s)
	}
	return fmt.Sprintf("tag %d", uint32(t))
}

var tagNames = map[tag]string{
	tagName: "name", tagVersion: "version", tagRelease: "release", tagEpoch: "epoch", tagSummary: "summary", tagArch: "arch",
	tagOldFileNames: "oldfilenames", tagFileSizes: "filesizes", tagFileModes: "filemodes", tagFileRdevs: "filerdevs",
	tagFileDigests: "filedigests", tagFileLinkTos: "filelinktos", tagFileFlags: "fileflags", tagFileUserName: "fileusername",
	tagFileGroupName: "filegroupname", tagSourceRPM: "sourcerpm", tagFileVerify: "fileverifyflags", tagNoSource: "nosource",
	tagNoPatch: "nopatch", tagFileDevices: "filedevices", tagFileInodes: "fileinodes", tagFileLangs: "filelangs",
	tagDirIndexes: "dirindexes", tagBaseNames: "basenames", tagDirNames: "dirnames", tagLongFileSizes: "longfilesizes",
	tagFileCaps: "filecaps", tagFileDigestAlgo: "filedigestalgo", tagPayloadDigest: "payloaddigest", tagPayloadAlgo: "payloaddigestalgo",
}

// installed are the tags that the output text lists as fields.
var installed = map[tag]string{
	tagName: "name", tagVersion: "version", tagRelease: "release", tagEpoch: "epoch", tagSummary: "summary",
	1005: "description", 1010: "distribution", 1011: "vendor", 1014: "license", 1015: "packager", 1016: "group", 1020: "url",
	1021: "os", tagArch: "arch", 1059: "excludearch", 1060: "excludeos", 1061: "exclusivearch", 1062: "exclusiveos",
	1098: "prefixes", 1123: "disturl", 1155: "disttag", 5012: "bugurl", 5034: "vcs", 5096: "modularitylabel",
}

// leftOut are tags that say nothing of what is installed; package output says
// which and why. What files, relations and scripts are made of has its own lines.
var leftOut = map[tag]bool{
	tagI18NTable: true,
	1006:         true,                         // buildtime
	1007:         true,                         // buildhost
	1009:         true,                         // size
	1012:         true, 1013: true, 1043: true, // icons
	1018: true, 1019: true, // source, patch: names of files that a source package lists
	1034:         true, // filemtimes
	tagSourceRPM: true, tagNoSource: true, tagNoPatch: true,
	1046: true,                         // archivesize
	1064: true,                         // rpmversion
	1080: true, 1081: true, 1082: true, // changelog
	1089: true,                         // buildarchs
	1094: true,                         // cookie: host and time
	1106: true,                         // sourcepackage
	1122: true,                         // optflags
	1124: true, 1125: true, 1126: true, // the payload's form
	1131: true, 1132: true, // platform
	1140: true, 1141: true, 1142: true, 1143: true, 1144: true, 1145: true, // what rpm found in files
	1146: true,             // sourcepkgid
	5009: true,             // longsize
	5062: true,             // encoding
	5090: true, 5091: true, // signatures of files, which depend on a key
	tagPayloadDigest: true, tagPayloadAlgo: true,
	5097: true, // payloaddigestalt
	5099: true, // spec, in a source package
}

// ofFiles are the tags that file lines are made of.
var ofFiles = map[tag]bool{
	tagFileSizes: true, tagFileModes: true, tagFileRdevs: true, tagFileDigests: true, tagFileLinkTos: true, tagFileFlags: true,
	tagFileUserName: true, tagFileGroupName: true, tagFileVerify: true, tagFileDevices: true, tagFileInodes: true,
	tagFileLangs: true, tagDirIndexes: true, tagBaseNames: true, tagDirNames: true, tagLongFileSizes: true, tagFileCaps: true,
	tagFileDigestAlgo: true,
}
