package app

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/access"
	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/audit"
	"github.com/davit-dev/davit/internal/release"
)

// openDoor makes the tokens that the journal tells of.
func (p *Platform) openDoor(ctx context.Context) error {
	return p.journal.log.Entries(ctx, 0, func(e audit.Entry) error {
		if e.App != "" {
			return nil
		}
		return p.door.Apply(e.Kind, e.Data)
	})
}

// note writes an entry about tokens, which is in force when it is written.
func (p *Platform) noteToken(ctx context.Context, kind, actor string, data any) error {
	if err := p.journal.note(ctx, kind, actor, data); err != nil {
		return err
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return p.door.Apply(kind, encoded)
}

// Tokens implements api.Issuer.
func (d *desk) Tokens(context.Context) ([]access.Token, error) {
	list := d.platform.door.List()
	for i := range list {
		list[i].Hash = ""
	}
	return list, nil
}

// CreateToken implements api.Issuer.
func (d *desk) CreateToken(ctx context.Context, ask api.TokenRequest, actor string) (api.NewToken, error) {
	now := time.Now().UTC().Truncate(time.Second)
	t := access.Token{Name: ask.Name, Role: ask.Role, Apps: ask.Apps, Created: now, By: actor}
	if ask.For != 0 {
		t.Expires = now.Add(ask.For.Std())
	}
	if err := t.Validate(now); err != nil {
		return api.NewToken{}, refusal(release.CodeInvalid, "make token: %v", err)
	}
	for _, app := range t.Apps {
		if !release.ValidName(app) {
			return api.NewToken{}, refusal(release.CodeInvalid, "make token: %q is not the name of an app: a DNS label of at most 40 characters", app)
		}
	}
	t, key := access.Draw(t)
	if err := d.platform.noteToken(ctx, access.KindCreated, actor, t); err != nil {
		return api.NewToken{}, err
	}
	t.Hash = ""
	return api.NewToken{Token: t, Key: key}, nil
}

// RevokeToken implements api.Issuer.
func (d *desk) RevokeToken(ctx context.Context, id, actor string) (access.Token, error) {
	t, ok := d.platform.door.Find(id)
	if !ok {
		refused := refusal(release.CodeUnknown, "there is no token %q", id)
		refused.Hint = "'davit token list' shows them"
		return access.Token{}, refused
	}
	t.Hash = ""
	return t, d.platform.noteToken(ctx, access.KindRevoked, actor, access.Revocation{ID: t.ID, Name: t.Name})
}

// appOf is the app that a repository belongs to: the first part of its name.
func appOf(repository string) string {
	app, _, _ := strings.Cut(repository, "/")
	return app
}
