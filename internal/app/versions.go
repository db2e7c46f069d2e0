package app

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/secret"
)

// versions returns the present versions of the secrets that an app needs, for its
// plan.
func (s *server) versions(ctx context.Context, app string, names []string) ([]release.Secret, error) {
	if len(names) == 0 {
		return nil, nil
	}
	list, err := s.api.Secrets(ctx, app)
	if err != nil {
		return nil, err
	}
	versions := make([]release.Secret, 0, len(names))
	for _, name := range names {
		one := release.Secret{Name: name}
		for _, known := range list {
			switch {
			case known.Name != name:
			case known.Stage == string(secret.Staging):
				one.Staging = known.Fingerprint
			default:
				one.Production = known.Fingerprint
			}
		}
		if one.Production == "" {
			return nil, &HintError{
				Err: fmt.Errorf("run.secrets: %s has no value for %s", app, name),
				Tip: setTip(app, name, secret.Production),
			}
		}
		versions = append(versions, one)
	}
	return versions, nil
}

func setTip(app, name string, stage secret.Stage) string {
	flag := ""
	if stage == secret.Staging {
		flag = "--stage staging "
	}
	return fmt.Sprintf("'davit secret set %s%s %s' reads it from standard input", flag, app, name)
}

// versions are those of a plan's secrets that instances of a stage are given.
func versions(plan release.Plan, stage secret.Stage) []secret.Reference {
	var wanted []secret.Reference
	for _, s := range plan.Secrets {
		_, instead := plan.Verify.Env[s.Name]
		switch {
		case stage == secret.Production:
			wanted = append(wanted, secret.Reference{Name: s.Name, Fingerprint: s.Production})
		case s.Staging != "" && !instead:
			wanted = append(wanted, secret.Reference{Name: s.Name, Fingerprint: s.Staging})
		}
	}
	return wanted
}

// admitSecrets refuses a plan before anything of it starts: one that needs a
// secret that is not there or was changed since, one that holds a secret, and one
// that would write in staging where production's secrets are missing (what it
// wrote with, nobody could say).
func (d *desk) admitSecrets(plan release.Plan) error {
	present := d.platform.secrets.List(plan.App)
	for _, s := range plan.Secrets {
		for stage, version := range map[secret.Stage]string{secret.Production: s.Production, secret.Staging: s.Staging} {
			if err := current(present, plan.App, secret.Info{Name: s.Name, Stage: stage, Fingerprint: version}); err != nil {
				return err
			}
		}
		_, instead := plan.Verify.Env[s.Name]
		if asked := writing(plan); s.Staging == "" && !instead && asked != "" {
			return &release.RefusalError{
				Code: release.CodeInvalid, Message: fmt.Sprintf("verify: %s is not sent to staging, where %s has no value", asked, s.Name),
				Hint: setTip(plan.App, s.Name, secret.Staging) + ", or verify.env gives it one that is no secret",
			}
		}
	}
	return d.openSecret(plan)
}

// current refuses a version that is not the present one.
func current(present []secret.Info, app string, wanted secret.Info) error {
	i := slices.IndexFunc(present, func(p secret.Info) bool { return p.Name == wanted.Name && p.Stage == wanted.Stage })
	found := ""
	if i >= 0 {
		found = present[i].Fingerprint
	}
	switch {
	case found == wanted.Fingerprint:
		return nil
	case found == "" && wanted.Stage == secret.Production:
		return &release.RefusalError{
			Code: release.CodeInvalid, Message: fmt.Sprintf("run.secrets: %s has no value for %s", app, wanted.Name),
			Hint: setTip(app, wanted.Name, secret.Production),
		}
	}
	return &release.RefusalError{
		Code: release.CodeInvalid, Hint: "ship it again, with the present values",
		Message: fmt.Sprintf("the secret %s of %s for %s was changed after the plan was made", wanted.Name, app, wanted.Stage),
	}
}

// writing names what a plan's suite does in staging beyond single reading
// requests, "" when it is nothing.
func writing(plan release.Plan) string {
	if plan.Verify.Load != nil {
		return "load"
	}
	for _, file := range plan.Verify.Files {
		for _, a := range file.Assertions {
			if a.Request.Method != http.MethodGet && a.Request.Method != http.MethodHead {
				return fmt.Sprintf("%s of %s", a.Request, file.Name)
			}
		}
	}
	return ""
}

// openSecret refuses a plan in which a secret stands for everybody to read.
func (d *desk) openSecret(plan release.Plan) error {
	shown := map[string]string{}
	for name, value := range plan.Run.Env {
		shown["run.env."+name] = value
	}
	for name, value := range plan.Verify.Env {
		shown["verify.env."+name] = value
	}
	for i, arg := range plan.Run.Args {
		shown[fmt.Sprintf("run.args[%d]", i)] = arg
	}
	const guessed = 8 // bytes; a shorter value may be there by chance
	for _, value := range d.platform.secrets.Of(plan.App) {
		for key, text := range shown {
			if len(value) >= guessed && strings.Contains(text, value) {
				return &release.RefusalError{
					Code: release.CodeInvalid, Message: key + " holds the value of a secret for everybody to read",
					Hint: "name it in run.secrets; other variables of run.env can hold it as $(NAME)",
				}
			}
		}
	}
	return nil
}
