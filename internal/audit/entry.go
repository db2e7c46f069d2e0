package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Entry is one thing that happened. Its place in the journal is its order: Time
// is what the machine's clock said and decides nothing.
type Entry struct {
	Index   int64           // place in the journal, from 0; set by Append
	Time    time.Time       // UTC, for people; set by Append when it is zero
	App     string          // "" where the platform as a whole is meant
	Release string          // "" where no release is meant
	Kind    string          // what happened; never ""
	Actor   string          // who wanted it
	Data    json.RawMessage // any JSON value; nil is null
}

const (
	leafVersion = 1
	maxLeaf     = 8 << 20 // bytes of one encoded entry
	maxField    = 256     // bytes of one of its strings
)

// leaf is the canonical form of an entry: the bytes that are stored, and hashed
// as a leaf of the tree. It is one line of JSON, with every field present and in
// this order, no space between tokens, no escapes that JSON does not demand and
// the time in RFC 3339. A change of this form is a new version number.
type leaf struct {
	Version int             `json:"v"`
	Index   int64           `json:"index"`
	Time    time.Time       `json:"time"`
	App     string          `json:"app"`
	Release string          `json:"release"`
	Kind    string          `json:"kind"`
	Actor   string          `json:"actor"`
	Data    json.RawMessage `json:"data"`
}

// validate says what Append cannot take.
func (e Entry) validate() error {
	if e.Kind == "" {
		return errors.New("an entry needs a kind")
	}
	for name, value := range map[string]string{
		"app": e.App, "release": e.Release, "kind": e.Kind, "actor": e.Actor,
	} {
		if len(value) > maxField || !utf8.ValidString(value) {
			return fmt.Errorf("the %s of an entry must be UTF-8 of at most %d bytes", name, maxField)
		}
	}
	if len(e.Data) > maxLeaf {
		return fmt.Errorf("an entry with %d bytes of data is too large, at most %d", len(e.Data), maxLeaf)
	}
	if len(e.Data) > 0 && !json.Valid(e.Data) {
		return errors.New("the data of an entry must be JSON")
	}
	return nil
}

// encode returns the leaf bytes of e, whose Data must be compact JSON.
func (e Entry) encode() ([]byte, error) {
	l := leaf{
		Version: leafVersion, Index: e.Index, Time: e.Time.UTC().Round(0),
		App: e.App, Release: e.Release, Kind: e.Kind, Actor: e.Actor, Data: e.Data,
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l); err != nil {
		return nil, fmt.Errorf("encode entry: %w", err)
	}
	if buf.Len() > maxLeaf {
		return nil, fmt.Errorf("an entry of %d bytes is too large, at most %d", buf.Len(), maxLeaf)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// DecodeLeaf reads the bytes of a leaf. It takes nothing but the canonical form,
// so an entry has one encoding and one hash.
func DecodeLeaf(data []byte) (Entry, error) {
	var version struct {
		Version int `json:"v"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return Entry{}, fmt.Errorf("decode entry: %w", err)
	}
	if version.Version > leafVersion {
		return Entry{}, fmt.Errorf("decode entry: it has version %d, this davit knows versions up to %d: use a newer davit",
			version.Version, leafVersion)
	}
	var l leaf
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return Entry{}, fmt.Errorf("decode entry: %w", err)
	}
	e := Entry{
		Index: l.Index, Time: l.Time, App: l.App, Release: l.Release,
		Kind: l.Kind, Actor: l.Actor, Data: l.Data,
	}
	if bytes.Equal(e.Data, []byte("null")) {
		e.Data = nil
	}
	if canonical, err := e.encode(); err != nil || !bytes.Equal(canonical, data) || version.Version != leafVersion {
		return Entry{}, errors.New("decode entry: it is not in the form in which entries are written")
	}
	return e, nil
}
