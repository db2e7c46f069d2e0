package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/audit"
)

// Proof shows to anybody who knows the journal's key that an entry is in it.
type Proof struct {
	audit.Inclusion

	Key string `json:"key"` // verifier key, in the form of sumdb/note; believe another one
}

// ProofReport is what a proof shows.
type ProofReport struct {
	Entry      api.Entry        `json:"entry"`
	Compacted  bool             `json:"compacted"` // only the entry's hash is in the proof
	Checkpoint audit.Checkpoint `json:"checkpoint"`
	Pinned     bool             `json:"pinned"` // the key is one that this user knows; otherwise it is the one in the proof
}

// maxProof bounds a file with a proof, in bytes.
const maxProof = 32 << 20

// ProveEntry returns the proof that an entry is in the journal of the running
// server, or else of the data folder.
func ProveEntry(ctx context.Context, at Address, index int64) (json.RawMessage, error) {
	client, err := Dial(at)
	if err != nil {
		return nil, err
	}
	proof, err := client.Proof(ctx, index)
	if !errors.Is(err, api.ErrNotRunning) {
		return proof, err
	}
	paths, err := NewPaths(at.Data)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(paths.Lock()); err != nil {
		return nil, fmt.Errorf("find journal: %w", err)
	}
	held, err := lock(paths.Lock())
	if err != nil {
		return nil, err
	}
	defer held.Close()
	log, err := audit.Open(ctx, paths.Data, audit.Options{})
	if err != nil {
		return nil, err
	}
	proof, err = journal{log}.Proof(ctx, index)
	return proof, errors.Join(err, log.Close())
}

// Proof implements api.Journal.
func (j journal) Proof(ctx context.Context, index int64) (json.RawMessage, error) {
	inclusion, err := j.log.Inclusion(ctx, index)
	if err != nil {
		return nil, err
	}
	return json.Marshal(Proof{inclusion, j.log.PublicKey()})
}

// IsProof says whether a file looks like a proof, and not like a journal.
func IsProof(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	first := make([]byte, 1)
	_, err = io.ReadFull(f, first)
	return err == nil && first[0] == '{'
}

// VerifyProof checks a proof offline, under the key that this user has pinned for
// the data folder, or that lies in it, or else under the proof's own, which says
// only that the proof agrees with itself.
func VerifyProof(at Address, file string) (ProofReport, error) {
	content, err := readBounded(file, maxProof)
	if err != nil {
		return ProofReport{}, fmt.Errorf("read proof: %w", err)
	}
	var proof Proof
	dec := json.NewDecoder(bytes.NewReader(content))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&proof); err != nil {
		return ProofReport{}, fmt.Errorf("read proof: %w", err)
	}
	key, err := pinnedKey(at)
	if err != nil {
		return ProofReport{}, err
	}
	report := ProofReport{Pinned: key != ""}
	if key == "" {
		key = proof.Key
	}
	entry, err := proof.Check(key)
	if err != nil {
		return ProofReport{}, err
	}
	_, _, report.Compacted = audit.DecodeCompacted([]byte(proof.Leaf))
	report.Entry = apiEntry(entry)
	report.Checkpoint, err = audit.ParseCheckpoint(proof.Note, key)
	return report, err
}

func readBounded(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", file, limit)
	}
	return data, err
}

// pinnedKey is the key that this user knows of a data folder's journal, "" when
// there is none.
func pinnedKey(at Address) (string, error) {
	origin, err := at.origin()
	if err != nil {
		return "", err
	}
	keeper, err := openKeeper()
	if err != nil {
		return "", err
	}
	known, err := keeper.Known(origin)
	if err != nil || len(known) > 0 {
		return lastKey(known), err
	}
	if at.Login != nil {
		return "", nil
	}
	key, err := audit.ReadPublicKey(origin)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return key, err
}

func lastKey(known []audit.Checkpoint) string {
	if len(known) == 0 {
		return ""
	}
	return known[len(known)-1].Key
}
