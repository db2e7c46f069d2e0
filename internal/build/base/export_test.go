package base

// The parsers that fuzz tests call.
var (
	ParseAPK  = parseAPK
	ParseDpkg = parseDpkg
)
