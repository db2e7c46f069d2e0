package ko

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/davit-dev/davit/internal/source"
)

// facts is what a template of flags and ldflags may ask for: .Env, .GoEnv, .Git,
// .Date and .Timestamp, as in ko. What takes a process is found out only when it
// is asked for.
type facts struct {
	Env   map[string]string // the environment, with that of the build over it
	ctx   context.Context   //nolint:containedctx // methods that templates call take none
	dir   string
	set   map[string]string // what the build sets for the go command
	epoch string            // SOURCE_DATE_EPOCH
	goEnv map[string]string
}

// expand fills in templates.
func (f *facts) expand(list []text) ([]text, error) {
	all := make([]text, 0, len(list))
	for _, t := range list {
		if !strings.Contains(t.value, "{{") {
			all = append(all, t)
			continue
		}
		parsed, err := template.New("template").Option("missingkey=error").Parse(t.value)
		if err != nil {
			return nil, t.at.errorf("", "%q: %w", t.value, err)
		}
		var out bytes.Buffer
		if err := parsed.Execute(&out, f); err != nil {
			return nil, t.at.errorf("", "%q: %w", t.value, err)
		}
		all = append(all, text{out.String(), t.at})
	}
	return all, nil
}

// GoEnv returns the settings of the go command.
func (f *facts) GoEnv() (map[string]string, error) {
	if f.goEnv != nil {
		return f.goEnv, nil
	}
	env, err := source.GoEnv()
	if err != nil {
		return nil, err
	}
	for name, value := range f.set {
		env = append(env, name+"="+value)
	}
	cmd := exec.CommandContext(f.ctx, "go", "env", "-json")
	cmd.Dir, cmd.Env = f.dir, env
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ask go for its settings: %w", err)
	}
	settings := map[string]string{}
	if err := json.Unmarshal(out, &settings); err != nil {
		return nil, fmt.Errorf("read the settings of go: %w", err)
	}
	maps.Copy(settings, f.set)
	f.goEnv = settings
	return settings, nil
}

// Git returns what git says about the folder.
func (f *facts) Git() repository { return repository{f.ctx, f.dir} }

// Date returns the time of the build as RFC 3339 in UTC. It is SOURCE_DATE_EPOCH
// or that of the commit: with the clock's, no build would be like another.
func (f *facts) Date() (string, error) {
	at, err := f.time()
	return at.Format(time.RFC3339), err
}

// Timestamp returns the time of Date in seconds since 1970.
func (f *facts) Timestamp() (int64, error) {
	at, err := f.time()
	return at.Unix(), err
}

func (f *facts) time() (time.Time, error) {
	if f.epoch == "" {
		at, err := f.Git().time()
		if errors.Is(err, errNoCommit) {
			err = fmt.Errorf("there is no time to give: SOURCE_DATE_EPOCH is not set, and %w", err)
		}
		return at, err
	}
	seconds, err := strconv.ParseInt(f.epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH must be seconds since 1970, not %q", f.epoch)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
