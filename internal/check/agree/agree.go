// Package agree compares rules with hadolint's own assertions: for each, a
// Dockerfile and a code, it says whether the rule with that code says what
// hadolint says. It is for tests and for the bench.
//
// The assertions are GPL-3.0 data: they are read where they are and never come
// into the repository.
package agree

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/hadolintfile"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// Cases is where the assertions are, relative to the folder of the repository.
const Cases = "../shared/data/hadolint-cases.json"

// Case is an assertion of hadolint's: the rule with a code says something about
// a Dockerfile, or it does not.
type Case struct {
	Code       string
	Dockerfile string
	It         string          // what is shown, in words
	Expect     string          // present or absent
	Onbuild    bool            // the same is to hold with every RUN behind ONBUILD
	Config     json.RawMessage // as .hadolint.yaml has it; nil is none
}

// Read returns the assertions in a file.
func Read(name string) ([]Case, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read hadolint's assertions: %w", err)
	}
	var file struct{ Cases []Case }
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("read hadolint's assertions: %w", err)
	}
	return file.Cases, nil
}

// ID names a case by what it is about, in eight characters.
func (c Case) ID() string {
	sum := sha256.Sum256([]byte(c.Code + "\x00" + c.Source()))
	return hex.EncodeToString(sum[:4])
}

// Source returns the Dockerfile.
func (c Case) Source() string {
	if !c.Onbuild {
		return c.Dockerfile
	}
	lines := strings.Split(c.Dockerfile, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "RUN ") {
			lines[i] = "ONBUILD " + line
		}
	}
	return strings.Join(lines, "\n")
}

// Holds says whether the rule with the code of the case says what hadolint says.
// The Dockerfile is looked at as if it stood in the folder root, which is empty.
func (c Case) Holds(root string, set rule.Set) (bool, error) {
	p, err := project.LoadReader(root, strings.NewReader(c.Source()))
	if err != nil {
		return false, err
	}
	theirs, err := hadolintfile.Parse("config", c.config(), set)
	if err != nil {
		return false, err
	}
	cfg := theirs.Under(theirs.Base, set)
	cfg.Enable = []string{"all"}
	present := slices.ContainsFunc(set.Run(p, cfg), func(f finding.Finding) bool { return f.Code == c.Code })
	return present == (c.Expect == "present"), nil
}

// config returns the configuration of the case. The assertions about labels that
// no schema names are made with the schema of their titles, which the file leaves
// out.
func (c Case) config() []byte {
	if c.Code == "DL3050" && c.Config == nil {
		return []byte(`{"label-schema": {"required": "text"}, "strict-labels": true}`)
	}
	return c.Config
}
