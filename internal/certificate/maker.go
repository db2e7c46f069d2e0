package certificate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/caddyserver/certmagic"
)

// storeFolder is where certmagic keeps what it has, below the Keeper's folder.
const storeFolder = "store"

// maker has certificates made by one issuer.
type maker struct {
	kind    Kind
	config  *certmagic.Config
	cache   *certmagic.Cache
	issuer  certmagic.Issuer
	acme    *certmagic.ACMEIssuer // nil for the own authority
	answers string                // where challenges are answered
}

// open makes the makers, and the cache that renews what they have made.
func (k *Keeper) open(answers *net.TCPAddr) (stop func(), err error) {
	logger := zapLogger(k.deps.Log)
	k.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(c certmagic.Certificate) (*certmagic.Config, error) {
			if len(c.Names) == 0 {
				return nil, errors.New("a certificate without a name")
			}
			return k.makers[k.kind(c.Names[0])].config, nil
		},
		RenewCheckInterval: k.config.Check, Logger: logger,
	})
	fresh := func(issuers ...certmagic.Issuer) *certmagic.Config {
		return certmagic.New(k.cache, certmagic.Config{
			Issuers: issuers, Storage: &certmagic.FileStorage{Path: filepath.Join(k.config.Folder, storeFolder)},
			// The edge staples nothing: the CAs of the world have given OCSP up.
			OCSP: certmagic.OCSPConfig{DisableStapling: true}, OnEvent: k.event, Logger: logger,
		})
	}
	k.makers = map[Kind]*maker{Own: {kind: Own, cache: k.cache, config: fresh(k.own), issuer: k.own}}
	if k.config.ACME.Email == "" {
		return k.cache.Stop, nil
	}
	roots, err := k.config.ACME.roots()
	if err != nil {
		k.cache.Stop()
		return nil, err
	}
	m := &maker{kind: Acme, cache: k.cache, config: fresh(k.own), answers: answers.String()}
	// It takes a port that is in use for one where its challenges are answered.
	m.acme = certmagic.NewACMEIssuer(m.config, certmagic.ACMEIssuer{
		CA: k.config.ACME.Directory, Email: k.config.ACME.Email, Agreed: true, TrustedRoots: roots,
		DisableTLSALPNChallenge: true, ListenHost: answers.IP.String(), AltHTTPPort: answers.Port, Logger: logger,
	})
	m.issuer, m.config.Issuers = m.acme, []certmagic.Issuer{m.acme}
	k.makers[Acme] = m
	return k.cache.Stop, nil
}

// have has a certificate for a host in the folder that is good for some time, and lets
// certmagic look after it from then on. What is in the folder and cannot be read is
// made anew.
func (m *maker) have(ctx context.Context, host string) error {
	if net.ParseIP(host) != nil || !certmagic.SubjectQualifiesForCert(host) {
		return fmt.Errorf("%q is no name that a certificate can have", host)
	}
	if _, err := m.stored(ctx, host); err != nil && !errors.Is(err, fs.ErrNotExist) {
		if err := m.config.Storage.Delete(ctx, certmagic.StorageKeys.CertsSitePrefix(m.issuer.IssuerKey(), host)); err != nil {
			return fmt.Errorf("remove a damaged certificate: %w", err)
		}
	}
	if len(m.cache.AllMatchingCertificates(host)) > 0 { // of an attempt before, which could not renew it
		return m.config.RenewCertSync(ctx, host, false)
	}
	return m.config.ManageSync(ctx, []string{host})
}

// stored returns what is in the folder for a host.
func (m *maker) stored(ctx context.Context, host string) (held, error) {
	keys, issuer := certmagic.StorageKeys, m.issuer.IssuerKey()
	chain, err := m.config.Storage.Load(ctx, keys.SiteCert(issuer, host))
	if err != nil {
		return held{}, err
	}
	key, err := m.config.Storage.Load(ctx, keys.SitePrivateKey(issuer, host))
	if err != nil {
		return held{}, err
	}
	return parseHeld(m.kind, chain, key)
}

// event is what certmagic tells of on its way.
func (k *Keeper) event(ctx context.Context, name string, data map[string]any) error {
	host, _ := data["identifier"].(string)
	renewal, _ := data["renewal"].(bool)
	switch name {
	case "cert_obtaining":
		if k.kind(host) != Acme {
			return nil
		}
		if err := k.challenged(ctx, host, true); err != nil {
			return fmt.Errorf("%w: %w", errNoEdge, err)
		}
	case "cert_failed":
		if failure, ok := data["error"].(error); ok && renewal { // other failures come back to attempt
			k.renewed(host, failure)
		}
		k.unchallenged(ctx, host)
	case "cert_obtained":
		if e, ok := k.renewed(host, nil); ok {
			if err := k.deps.Journal.Obtained(ctx, e, renewal); err != nil {
				k.deps.Log.Error("certificate is not in the journal", "host", host, "error", err)
			}
			k.deps.Log.Info("certificate obtained", "host", host, "issuer", string(e.Issuer), "renewed", renewal, "until", e.NotAfter)
		}
		k.unchallenged(ctx, host)
	}
	return nil
}

// answer answers challenges until ctx ends.
func (k *Keeper) answer(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if m := k.makers[Acme]; m == nil || !m.acme.HandleHTTPChallenge(w, r) {
				http.NotFound(w, r)
			}
		}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answer challenges: %w", err)
	}
	return nil
}
