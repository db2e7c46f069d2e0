// Package secret keeps the values that apps need and nobody may see. They are in
// one file, encrypted with age (age-encryption.org/v1) under a key of the data
// folder, and each version is known outside by a fingerprint alone. Its invariant:
// a value leaves only through Store.Values, for the environment of an instance of
// the app and the stage that it was set for, and through Store.Of, for taking it
// out of text.
//
// It knows nothing of releases and imports none of the stages.
package secret

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// The files in the data folder.
const (
	FileName = "secrets.age" // the values, encrypted
	KeyName  = "secrets.key" // the age identity that opens them
)

// Stage is where a value is used. Values of one stage are never given to another.
type Stage string

// The stages.
const (
	Production Stage = "production"
	Staging    Stage = "staging"
)

// Bounds of what is kept.
const (
	maxValue = 64 << 10 // bytes; the kernel takes 128 KiB for a variable (execve(2))
	maxNames = 1000     // values of all apps
	kept     = 10       // versions of a value, so that earlier releases can be gone back to
)

// ErrMissing says that there is no such value, or not any more.
var ErrMissing = errors.New("there is no such secret")

// InvalidError says why something cannot be kept. It never holds a value.
type InvalidError struct{ Reason string }

// Error implements error.
func (e *InvalidError) Error() string { return e.Reason }

// Info is what may be known of a value.
type Info struct {
	App         string
	Stage       Stage
	Name        string
	Fingerprint string    // of the present version
	Set         time.Time // when, and by whom
	By          string
}

// Reference names one version of a value.
type Reference struct {
	Name        string
	Fingerprint string
}

// Store is the secrets of a data folder, which belongs to one process. Its
// methods may be called concurrently.
type Store struct {
	file, keyFile string
	clock         func() time.Time

	mu   sync.Mutex
	key  *key // nil until there is something to keep
	kept []entry
}

// entry is a value with its versions, the present one last.
type entry struct {
	App      string    `json:"app"`
	Stage    Stage     `json:"stage"`
	Name     string    `json:"name"`
	Versions []version `json:"versions"`
}

type version struct {
	Value       string    `json:"value"`
	Fingerprint string    `json:"fingerprint"`
	Set         time.Time `json:"set"`
	By          string    `json:"by"`
}

// Open reads the secrets of a data folder. Where there are none, nothing is made.
func Open(dir string) (*Store, error) {
	s := &Store{file: filepath.Join(dir, FileName), keyFile: filepath.Join(dir, KeyName), clock: time.Now}
	return s, s.load()
}

var validName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// ValidName says whether name can be that of a secret: it is the name of the
// variable in which the program finds it.
func ValidName(name string) bool { return validName.MatchString(name) }

// Set keeps a value as the present version. The error is that of
// Check when it cannot be one.
func (s *Store) Set(at Info, value string) (Info, error) {
	if err := Check(at, value); err != nil {
		return Info{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.needKey(); err != nil {
		return Info{}, err
	}
	next := slices.Clone(s.kept)
	i := slices.IndexFunc(next, at.names)
	if i < 0 {
		if len(next) >= maxNames {
			return Info{}, &InvalidError{fmt.Sprintf("there are %d secrets, which is the most; remove some", maxNames)}
		}
		i = len(next)
		next = append(next, entry{App: at.App, Stage: at.Stage, Name: at.Name})
	}
	v := version{Value: value, Fingerprint: s.key.fingerprint(at, value), Set: s.clock().UTC(), By: at.By}
	next[i].Versions = append(others(next[i].Versions, v.Fingerprint), v)
	if err := s.write(next); err != nil {
		return Info{}, err
	}
	return next[i].info(), nil
}

// others returns the latest versions but the one with a fingerprint, with room
// for one more.
func others(all []version, fingerprint string) []version {
	rest := slices.DeleteFunc(slices.Clone(all), func(v version) bool { return v.Fingerprint == fingerprint })
	return rest[max(0, len(rest)-kept+1):]
}

// Check says why a value cannot be kept. The error is an *InvalidError.
func Check(at Info, value string) error {
	switch {
	case !ValidName(at.Name):
		return &InvalidError{fmt.Sprintf("%q is not the name of a variable: letters, digits and _, no digit first, at most 128", at.Name)}
	case at.Name == "PORT" || at.Name == "HOST":
		return &InvalidError{at.Name + " is given by davit to each instance and cannot be a secret"}
	case at.Stage != Production && at.Stage != Staging:
		return &InvalidError{fmt.Sprintf("there is no stage %q: it is production or staging", at.Stage)}
	case value == "":
		return &InvalidError{"the value is empty"}
	case len(value) > maxValue:
		return &InvalidError{fmt.Sprintf("the value has %d bytes, at most %d are kept", len(value), maxValue)}
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return &InvalidError{"the value is not text (UTF-8 without NUL), which a variable has to be; encode it, such as with base64"}
	}
	return nil
}

// Remove forgets all versions of a value. What runs with it goes on; nothing can
// be started with it any more.
func (s *Store) Remove(at Info) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.kept, at.names) {
		return ErrMissing
	}
	return s.write(slices.DeleteFunc(slices.Clone(s.kept), at.names))
}

// Has says whether there is such a value.
func (s *Store) Has(at Info) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.kept, at.names)
}

// List returns what may be known of an app's secrets, by name and stage.
func (s *Store) List(app string) []Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Info{}
	for _, e := range s.kept {
		if e.App == app {
			list = append(list, e.info())
		}
	}
	slices.SortFunc(list, func(a, b Info) int {
		return strings.Compare(a.Name+" "+string(a.Stage), b.Name+" "+string(b.Stage))
	})
	return list
}

// Values returns the values of the versions that are named, for the environment
// of one instance. The error is ErrMissing when one of them is gone.
func (s *Store) Values(app string, stage Stage, wanted []Reference) (map[string]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	values := map[string]string{}
	for _, ref := range wanted {
		value, found := s.find(Info{App: app, Stage: stage, Name: ref.Name}, ref.Fingerprint)
		if !found {
			return nil, fmt.Errorf("%s of %s, version %s for %s: %w", ref.Name, app, ref.Fingerprint, stage, ErrMissing)
		}
		values[ref.Name] = value
	}
	return values, nil
}

func (s *Store) find(at Info, fingerprint string) (string, bool) {
	for _, e := range s.kept {
		if !at.names(e) {
			continue
		}
		for _, v := range e.Versions {
			if v.Fingerprint == fingerprint {
				return v.Value, true
			}
		}
	}
	return "", false
}

// Of returns every version of every value of an app, to be taken out of text.
func (s *Store) Of(app string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var values []string
	for _, e := range s.kept {
		if e.App != app {
			continue
		}
		for _, v := range e.Versions {
			values = append(values, v.Value)
		}
	}
	return values
}

func (i Info) names(e entry) bool { return e.App == i.App && e.Stage == i.Stage && e.Name == i.Name }

func (e entry) info() Info {
	v := e.Versions[len(e.Versions)-1]
	return Info{App: e.App, Stage: e.Stage, Name: e.Name, Fingerprint: v.Fingerprint, Set: v.Set, By: v.By}
}
