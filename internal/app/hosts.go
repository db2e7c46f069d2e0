package app

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/certificate"
	"github.com/davit-dev/davit/internal/release"
)

// openCertificates makes who has certificates for production; nil: nobody does.
func (p *Platform) openCertificates() (*certificate.Keeper, error) {
	if p.cfg.Secure.Listen == "" {
		return nil, nil
	}
	return certificate.New(
		certificate.Config{Folder: p.paths.Certificates(), ACME: p.cfg.Secure.ACME},
		certificate.Deps{Edge: p.edge, Journal: p.journal, Log: p.cfg.Log.With("part", "certificate")},
	)
}

// keepCertificates has certificates for the hosts of what is live or under way.
func (p *Platform) keepCertificates(ctx context.Context) error {
	if p.certificates == nil {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.certificates.Run(ctx) })
	group.Go(func() error { p.followHosts(ctx); return nil })
	return group.Wait()
}

// followHosts says which certificates are wanted, whenever a release has changed that.
func (p *Platform) followHosts(ctx context.Context) {
	for ctx.Err() == nil {
		changed := p.engine.Changed()
		var hosts []string
		for _, app := range p.engine.Apps() {
			hosts = append(hosts, hostsOf(app)...)
		}
		p.certificates.Manage(hosts)
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

func hostsOf(app release.View) []string {
	var hosts []string
	for _, entry := range app.Places() {
		if host := release.HostName(entry); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// certificatesOf returns the certificates of an app's hosts.
func certificatesOf(all []certificate.Entry, app release.View) []api.Certificate {
	var own []api.Certificate
	for _, host := range hostsOf(app) {
		for _, e := range all {
			if e.Host == certificate.HostOf(host) {
				own = append(own, api.Certificate{
					Host: e.Host, Issuer: string(e.Issuer), Serial: e.Serial, NotAfter: moment(e.NotAfter),
					Error: e.Error, Retry: moment(e.Retry),
				})
			}
		}
	}
	return own
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (p *Platform) entries() []certificate.Entry {
	if p.certificates == nil {
		return nil
	}
	return p.certificates.Status()
}

// Obtained implements certificate.Journal.
func (j journal) Obtained(ctx context.Context, e certificate.Entry, renewed bool) error {
	return j.note(ctx, "certificate", "davit", struct {
		Host     string    `json:"host"`
		Issuer   string    `json:"issuer"`
		Serial   string    `json:"serial"`
		NotAfter time.Time `json:"not_after"`
		Renewed  bool      `json:"renewed"`
	}{e.Host, string(e.Issuer), e.Serial, e.NotAfter.UTC(), renewed})
}
