package traffic

// Of returns the sessions of another canary, drawn with the same key.
func (s *Sessions) Of(app, canary string) *Sessions { return newSessions(s.key, app, canary) }

// AccessLine is a line of the access log.
type AccessLine = accessLine
