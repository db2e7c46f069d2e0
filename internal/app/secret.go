package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/secret"
)

// Secrets implements api.Safe.
func (d *desk) Secrets(_ context.Context, app string) ([]api.Secret, error) {
	list := []api.Secret{}
	for _, info := range d.platform.secrets.List(app) {
		list = append(list, apiSecret(info))
	}
	return list, nil
}

// SetSecret implements api.Safe. The journal learns who, which and when; the
// value is nowhere but in the store.
func (d *desk) SetSecret(ctx context.Context, at api.SecretRequest, value, actor string) (api.Secret, error) {
	if !release.ValidName(at.App) {
		return api.Secret{}, refusal(release.CodeInvalid, "%q is not the name of an app: a DNS label of at most 40 characters", at.App)
	}
	info := infoOf(at)
	info.By = actor
	if err := secret.Check(info, value); err != nil {
		return api.Secret{}, refusal(release.CodeInvalid, "set %s of %s: %v", at.Name, at.App, err)
	}
	if err := d.noteSecret(ctx, "secret set", at, actor); err != nil {
		return api.Secret{}, err
	}
	set, err := d.platform.secrets.Set(info, value)
	if invalid, ok := errors.AsType[*secret.InvalidError](err); ok {
		return api.Secret{}, refusal(release.CodeInvalid, "set %s of %s: %v", at.Name, at.App, invalid)
	}
	return apiSecret(set), err
}

// RemoveSecret implements api.Safe.
func (d *desk) RemoveSecret(ctx context.Context, at api.SecretRequest, actor string) error {
	if !d.platform.secrets.Has(infoOf(at)) {
		refused := refusal(release.CodeUnknown, "%s has no secret %q for %s", at.App, at.Name, at.Stage)
		refused.Hint = fmt.Sprintf("'davit secret list %s' lists them", at.App)
		return refused
	}
	if err := d.noteSecret(ctx, "secret removed", at, actor); err != nil {
		return err
	}
	return d.platform.secrets.Remove(infoOf(at))
}

func (d *desk) noteSecret(ctx context.Context, kind string, at api.SecretRequest, actor string) error {
	return d.platform.journal.note(ctx, kind, actor, map[string]string{"app": at.App, "name": at.Name, "stage": at.Stage})
}

func infoOf(at api.SecretRequest) secret.Info {
	return secret.Info{App: at.App, Stage: secret.Stage(at.Stage), Name: at.Name}
}

func apiSecret(i secret.Info) api.Secret {
	return api.Secret{Name: i.Name, Stage: string(i.Stage), Fingerprint: i.Fingerprint, Set: i.Set, By: i.By}
}

func refusal(code release.Code, format string, args ...any) *release.RefusalError {
	return &release.RefusalError{Code: code, Message: fmt.Sprintf(format, args...)}
}
