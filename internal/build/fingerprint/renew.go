package fingerprint

import (
	"context"
	"errors"
)

var errOther = errors.New("the packages may be others")

// Renew does what Begin does without starting a process, where that is possible:
// when only what Go files say below their imports changed, or what is embedded,
// then the packages and files are those of the record. It is false otherwise.
func (r Record) Renew(ctx context.Context, request Request) (*Pending, bool) {
	p := request.pending()
	if !r.whole || r.outside != "" || r.asked != p.record.asked || r.goPath != p.record.goPath ||
		differing(r.ambient, p.record.ambient) != "" {
		return nil, false
	}
	p.record.states = append([]state(nil), r.states...)
	if err := p.lookAll((*state).renew); err != nil || ctx.Err() != nil {
		return nil, false
	}
	return p, true
}

// renew looks again at a state. It is an error when the difference is one that
// only go list knows the consequences of.
func (s *state) renew() error {
	now := state{kind: s.kind, path: s.path, files: s.files}
	if s.hasStamp() {
		if err := now.glance(); err != nil {
			return err
		}
		if !s.racy && now.stamp == s.stamp {
			return nil
		}
	}
	if err := now.look(); err != nil {
		return err
	}
	if now.sum != s.sum && !s.mayDiffer(now) {
		return errOther
	}
	*s = now
	return nil
}

func (s *state) mayDiffer(now state) bool {
	return s.kind == regular || s.kind == content && s.head != "" && s.head == now.head
}
