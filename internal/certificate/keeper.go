package certificate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"golang.org/x/sync/errgroup"
)

// Edge is where certificates are shown, and where a CA looks.
type Edge interface {
	// Show replaces all certificates that are shown. Each is in PEM with its chain,
	// the leaf first, and its key.
	Show(ctx context.Context, certificates []string) error
	// Challenge has challenges for some hosts answered at an address, those of others
	// not any more.
	Challenge(ctx context.Context, at string, hosts []string) error
}

// Journal is told of each certificate that was signed.
type Journal interface {
	Obtained(ctx context.Context, e Entry, renewed bool) error
}

// Deps is what the Keeper works with.
type Deps struct {
	Edge    Edge
	Journal Journal
	Log     *slog.Logger
}

const (
	// together is how many certificates are asked for at the same time.
	together = 4
	// attemptTime bounds an attempt: a CA that does not answer must not hold a place.
	attemptTime = 5 * time.Minute
	// showAgain is after how long an edge that did not take certificates is asked again.
	showAgain = time.Second
)

// errNoEdge says that a CA was not asked, because it would not have found an answer.
var errNoEdge = errors.New("edge takes no challenges")

// Keeper has certificates for the hosts that are wanted.
type Keeper struct {
	config Config
	deps   Deps
	own    *authority
	makers map[Kind]*maker // while it runs, as the cache
	cache  *certmagic.Cache

	mu         sync.Mutex
	hosts      map[string]*record
	challenges map[string]bool
	dropped    []string // hosts that certmagic does not have to look after any more
	managed    bool     // it is known what is wanted; until then, nothing is taken away
	dirty      bool     // what is shown is not what there is
	changed    chan struct{}
}

// record is what is known of a host that is wanted.
type record struct {
	asked    Kind
	has      *held // nil: nothing
	busy     bool
	done     bool      // it is had, and kept by certmagic from then on
	attempts int       // that failed in a row
	next     time.Time // of them
	failure  string
	failures uint64
}

// New makes the folder and the own authority, if they are not there, and checks the
// rest. It starts nothing.
func New(config Config, deps Deps) (*Keeper, error) {
	if config.Folder == "" || deps.Edge == nil || deps.Journal == nil || deps.Log == nil {
		return nil, errors.New("certificates need a folder, an edge, a journal and a logger")
	}
	if err := config.ACME.Validate(); err != nil {
		return nil, err
	}
	if _, err := config.ACME.roots(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(config.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of certificates: %w", err)
	}
	config = config.filled()
	own, err := openAuthority(config.Folder, config.Life)
	if err != nil {
		return nil, err
	}
	return &Keeper{
		config: config, deps: deps, own: own,
		hosts: map[string]*record{}, challenges: map[string]bool{}, changed: make(chan struct{}, 1),
	}, nil
}

// Manage says for which hosts there shall be certificates. Those of others are not
// shown any more.
func (k *Keeper) Manage(hosts []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := make(map[string]*record, len(hosts))
	for _, host := range hosts {
		host = HostOf(host)
		if next[host] = k.hosts[host]; next[host] == nil {
			next[host] = &record{asked: k.kind(host)}
			k.dirty = true
		}
	}
	for host := range k.hosts {
		if next[host] == nil {
			k.dropped, k.dirty = append(k.dropped, host), true
		}
	}
	k.hosts, k.dirty, k.managed = next, k.dirty || !k.managed, true
	if k.dirty {
		k.wake()
	}
}

// HostOf returns the form in which a host is in the status.
func HostOf(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

func (k *Keeper) kind(host string) Kind {
	if k.config.ACME.signs(host) {
		return Acme
	}
	return Own
}

// Status returns what there is for each host that is wanted, in their order.
func (k *Keeper) Status() []Entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := make([]Entry, 0, len(k.hosts))
	for _, host := range slices.Sorted(maps.Keys(k.hosts)) {
		all = append(all, k.hosts[host].entry(host))
	}
	return all
}

func (r *record) entry(host string) Entry {
	e := Entry{Host: host, Issuer: r.asked, Error: r.failure, Failures: r.failures}
	if r.failure != "" {
		e.Retry = r.next
	}
	if r.has != nil {
		e.Issuer, e.Serial, e.NotAfter = r.has.kind, r.has.serial(), r.has.leaf.NotAfter
	}
	return e
}

// Run obtains, renews and hands on until ctx ends. It may be called once.
func (k *Keeper) Run(ctx context.Context) error {
	var config net.ListenConfig
	answers, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for challenges: %w", err)
	}
	stop, err := k.open(answers.Addr().(*net.TCPAddr))
	if err != nil {
		return errors.Join(err, answers.Close())
	}
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return k.answer(ctx, answers) })
	group.Go(func() error { k.work(ctx); return nil })
	return group.Wait()
}

// work does what is due, and waits for what comes next.
func (k *Keeper) work(ctx context.Context) {
	var attempts errgroup.Group
	attempts.SetLimit(together)
	defer func() { _ = attempts.Wait() }() // they have no errors
	refused := false
	for ctx.Err() == nil {
		k.load(ctx)
		next := k.begin(ctx, &attempts)
		err := k.show(ctx)
		if err != nil {
			next = min(next, showAgain)
		}
		if err != nil && !refused && ctx.Err() == nil {
			k.deps.Log.Warn("certificates are not shown yet", "error", err)
		}
		refused = err != nil
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
		case <-k.changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// load takes from the folder what is there for hosts that are new, and lets go of
// those that are not wanted any more.
func (k *Keeper) load(ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, host := range k.dropped {
		if k.hosts[host] != nil {
			continue // it is wanted again
		}
		k.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: host}})
	}
	k.dropped = nil
	for host, r := range k.hosts {
		if r.has == nil {
			k.reload(ctx, host, r)
		}
	}
}

// reload looks for the best that there is for a host: of who is asked, or else what
// an issuer before that has left. The caller holds the lock.
func (k *Keeper) reload(ctx context.Context, host string, r *record) {
	for _, kind := range slices.Compact([]Kind{r.asked, Own}) {
		m := k.makers[kind]
		if m == nil {
			continue
		}
		if h, err := m.stored(ctx, host); err == nil {
			k.dirty = k.dirty || r.has == nil || r.has.text != h.text
			r.has = &h
			return
		}
	}
}

// begin starts the attempts that are due, and returns how long nothing else is.
func (k *Keeper) begin(ctx context.Context, attempts *errgroup.Group) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, next := time.Now(), time.Hour
	for host, r := range k.hosts {
		switch {
		case r.done || r.busy:
		case r.next.After(now):
			next = min(next, r.next.Sub(now))
		default:
			// Where there is no place, one that becomes free comes back here.
			r.busy = attempts.TryGo(func() error { k.attempt(ctx, host, r); return nil })
		}
	}
	return next
}

// attempt has a certificate made, unless there is one.
func (k *Keeper) attempt(ctx context.Context, host string, r *record) {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	err := k.makers[r.asked].have(ctx, host)
	k.unchallenged(ctx, host)
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.wake()
	r.busy = false
	if k.hosts[host] != r { // it is not wanted any more
		k.dropped = append(k.dropped, host)
		return
	}
	if err == nil {
		r.done, r.attempts, r.failure = true, 0, ""
		k.reload(ctx, host, r)
		return
	}
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return
	}
	r.next = time.Now().Add(k.pause(r.attempts))
	if !errors.Is(err, errNoEdge) { // of which no CA knows
		r.attempts++
	}
	r.fail(host, err)
	k.deps.Log.Warn("certificate could not be had", "host", host, "issuer", string(r.asked), "error", r.failure,
		"again", r.next.Format(time.RFC3339))
}

// fail notes why there is no certificate, without what certmagic says in front of that.
func (r *record) fail(host string, err error) {
	r.failure = err.Error()
	for _, said := range []string{host + ": obtaining certificate: ", host + ": renewing certificate: ", "[" + host + "] Obtain: ", "[" + host + "] Renew: "} {
		r.failure = strings.TrimPrefix(r.failure, said)
	}
	r.failures++
}

// pause is how long a host waits after so many failures before.
func (k *Keeper) pause(failures int) time.Duration {
	p := k.config.Retry
	for range min(failures, 10) {
		p *= 3
	}
	return min(p, max(maxRetry, k.config.Retry))
}

// show hands on what there is, if that has changed.
func (k *Keeper) show(ctx context.Context) error {
	k.mu.Lock()
	dirty := k.dirty
	k.dirty = false
	var all []string
	for _, host := range slices.Sorted(maps.Keys(k.hosts)) {
		if h := k.hosts[host].has; h != nil {
			all = append(all, h.text)
		}
	}
	k.mu.Unlock()
	if !dirty {
		return nil
	}
	err := k.deps.Edge.Show(ctx, all)
	if err != nil {
		k.mu.Lock()
		k.dirty = true
		k.mu.Unlock()
	}
	return err
}

// wake has work look again.
func (k *Keeper) wake() {
	select {
	case k.changed <- struct{}{}:
	default: // it will already
	}
}

// challenged tells the edge that challenges for a host begin, or end.
func (k *Keeper) challenged(ctx context.Context, host string, begin bool) error {
	k.mu.Lock()
	known := k.challenges[host]
	if begin {
		k.challenges[host] = true
	} else {
		delete(k.challenges, host)
	}
	all := slices.Sorted(maps.Keys(k.challenges))
	k.mu.Unlock()
	if known == begin {
		return nil
	}
	at := ""
	if m := k.makers[Acme]; m != nil {
		at = m.answers
	}
	return k.deps.Edge.Challenge(ctx, at, all)
}

// unchallenged ends challenges for a host. An edge that is not told takes them to
// where nothing is known of them.
func (k *Keeper) unchallenged(ctx context.Context, host string) { _ = k.challenged(ctx, host, false) }

// renewed takes note of what certmagic tells of a host.
func (k *Keeper) renewed(host string, failure error) (Entry, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.wake()
	r := k.hosts[host]
	if r == nil {
		return Entry{}, false
	}
	if failure != nil {
		if !r.busy { // otherwise it comes back to attempt, too
			r.fail(host, failure)
		}
		return Entry{}, false
	}
	r.failure = ""
	k.reload(context.Background(), host, r)
	return r.entry(host), r.has != nil
}
