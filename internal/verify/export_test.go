package verify

// What the tests in package verify_test reach inside for: fake time needs a
// transport without sockets, and the parser takes bytes, not files.
var (
	RunOver      = runOver
	ParseFile    = parseFile
	DecodeValue  = decodeValue
	MatchPattern = matchPattern
	Failures     = LoadReport.failures
)

const MaxInFlight = maxInFlight
