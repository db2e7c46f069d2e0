package release

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// exploration visits every state that an app can come into when people, the
// edge, instances and crashes do what they do in any order, with bounds on how
// often. The app's own functions decide and fold; only the world is a model.
type exploration struct {
	cfg         Config
	submissions int // beside the first release
	mishaps     int // crashes, lapses, deaths and failed actions
	replicas    int // 0 is 1
	holds       int // how often a person may hold a release
	mutation    mutation

	visited map[string]int // by fingerprint: place in parents and after
	parents []step
	after   [][]int // calm ways on from a state, by place
	rests   []int   // places of states in which nothing is under way
	ends    map[string]bool
}

// mutation replaces what the package does by something wrong. The zero value
// changes nothing.
type mutation struct {
	decide     func(a *App, w World) *Event
	admissible func(a *App, e *Event) error
}

// step is how a state was first reached.
type step struct {
	from int // -1 at the beginning
	what string
}

// counterexample says which rule a way breaks. The way is a shortest one.
type counterexample struct {
	rule string
	way  []string
}

func (c *counterexample) String() string {
	return c.rule + ":\n  " + strings.Join(c.way, "\n  ")
}

// move is one thing that can happen next.
type move struct {
	what   string
	mishap bool
	do     func(s *situation) (broken string)
}

const exploredMillis = 1000 // length of a tick, of a dwell and of a bake

func (x *exploration) plan(image string) Plan {
	p := Plan{
		Version: PlanVersion, App: "orders", Hosts: []string{"orders.localhost"},
		Image: Image{Repository: "orders", Digest: image}, Run: driver.Default(), Release: x.cfg,
	}
	p.Run.Replicas = max(1, x.replicas)
	return p
}

func exploredConfig(change func(*Config)) Config {
	cfg := DefaultConfig()
	cfg.Steps = []quantity.Share{0.5}
	cfg.Dwell, cfg.Bake = quantity.Duration(time.Second), quantity.Duration(time.Second)
	cfg.Deadline, cfg.Warmup = quantity.Duration(2*time.Second), 0
	change(&cfg)
	return cfg
}

// run explores until nothing new is found, and returns the first broken rule.
func (x *exploration) run(t *testing.T) *counterexample {
	t.Helper()
	x.visited, x.ends = map[string]int{}, map[string]bool{}
	if x.mutation.decide == nil {
		x.mutation.decide = (*App).Decide
	}
	if x.mutation.admissible == nil {
		x.mutation.admissible = (*App).admissible
	}
	first := &situation{
		app: NewApp("orders"), instances: map[string]Health{}, gone: map[string]bool{}, done: map[int64]Result{},
		canceled: map[int64]bool{}, word: map[string]bool{}, submissions: x.submissions + 1, mishaps: x.mishaps, holds: x.holds,
	}
	x.visit(first, -1, "")
	for queue := []*situation{first}; len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		from := x.visited[s.fingerprint()]
		for _, m := range x.moves(s) {
			next := s.clone()
			broken := m.do(next)
			if broken == "" {
				broken = next.broken()
			}
			if broken == "" && next.resting() && x.decided(next) == nil {
				broken = next.left()
			}
			if broken != "" {
				return &counterexample{broken, append(x.way(from), m.what)}
			}
			place, fresh := x.visit(next, from, m.what)
			if !m.mishap {
				x.after[from] = append(x.after[from], place)
			}
			if fresh {
				queue = append(queue, next)
			}
		}
	}
	return x.stuck()
}

func (x *exploration) visit(s *situation, from int, what string) (place int, fresh bool) {
	key := s.fingerprint()
	if place, known := x.visited[key]; known {
		return place, false
	}
	place = len(x.parents)
	x.visited[key] = place
	x.parents, x.after = append(x.parents, step{from, what}), append(x.after, nil)
	if s.resting() && x.decided(s) == nil {
		x.rests = append(x.rests, place)
	}
	for _, r := range s.app.Releases {
		x.ends[string(r.Phase)], x.ends[string(r.Outcome)], x.ends["held"] = true, true, x.ends["held"] || r.Held != ""
	}
	return place, true
}

func (x *exploration) way(place int) []string {
	var way []string
	for ; x.parents[place].from >= 0; place = x.parents[place].from {
		way = append(way, x.parents[place].what)
	}
	slices.Reverse(way)
	return way
}

// stuck looks for a state from which no way leads to rest without a mishap.
func (x *exploration) stuck() *counterexample {
	before := make([][]int, len(x.after))
	for from, all := range x.after {
		for _, to := range all {
			before[to] = append(before[to], from)
		}
	}
	out := make([]bool, len(x.after))
	queue := slices.Clone(x.rests)
	for ; len(queue) > 0; queue = queue[1:] {
		if !out[queue[0]] {
			out[queue[0]] = true
			queue = append(queue, before[queue[0]]...)
		}
	}
	if place := slices.Index(out, false); place >= 0 {
		return &counterexample{"there is no way out", x.way(place)}
	}
	return nil
}

// decided returns what davit does next, whether or not it looks at instances.
func (x *exploration) decided(s *situation) []*Event {
	var events []*Event
	worlds := []World{{Elapsed: time.Duration(s.elapsed) * time.Millisecond}}
	if s.app.Routing != (Routing{}) {
		seen := worlds[0]
		seen.Instances = s.seen()
		worlds = append(worlds, seen)
	}
	for _, w := range worlds {
		if e := x.mutation.decide(s.app, w); e != nil {
			events = append(events, e)
		}
	}
	return events
}

func (x *exploration) moves(s *situation) []move {
	var moves []move
	for _, e := range x.decided(s) {
		moves = append(moves, move{what: "davit: " + told(e), do: func(s *situation) string { return s.decide(*e) }})
	}
	moves = append(moves, s.actions()...)
	moves = append(moves, s.time()...)
	moves = append(moves, s.counts()...)
	moves = append(moves, x.commands(s)...)
	if s.mishaps > 0 {
		moves = append(moves, s.accidents()...)
	}
	return moves
}

func (x *exploration) commands(s *situation) []move {
	var moves []move
	command := func(what string, e Event) {
		moves = append(moves, move{what: "a person: " + what, do: func(s *situation) string { return s.command(e) }})
	}
	if s.submissions > 0 {
		for _, e := range x.submittable(s) {
			command(fmt.Sprintf("submits %s", e.Plan.Image.Digest), *e)
		}
		if s.app.Current == "" && s.app.Live != "" {
			command("removes the app", Event{Kind: Removing})
		}
	}
	if len(s.app.Blocked) > 0 && s.submissions > 0 {
		command("unblocks", Event{Kind: Unblocked})
	}
	r := s.app.current()
	if r == nil {
		return moves
	}
	if r.Waiting() != "" && r.paused == "" {
		command("approves", Event{Kind: Approved, Release: r.ID})
	}
	if r.paused != "" || (r.Held != "" && !r.waived && s.holds > 0) {
		command("resumes it", Event{Kind: Resumed, Release: r.ID})
	}
	if r.Stop == nil && s.app.Live != r.ID && !s.app.promoting(r) {
		if s.holds > 0 && r.paused == "" {
			command("holds it", Event{Kind: Held, Release: r.ID, Actor: "ada", Pause: true})
		}
		for _, outcome := range []Outcome{Aborted, RolledBack, Superseded} {
			command("wants it "+string(outcome), Event{Kind: Stopped, Release: r.ID, Outcome: outcome})
		}
	}
	return moves
}

// submittable lists the submissions that are accepted now.
func (x *exploration) submittable(s *situation) []*Event {
	var events []*Event
	for _, image := range []string{"v1", "v2"} {
		plan := x.plan(image)
		digest, err := plan.Digest()
		if err != nil {
			panic(err) // plans can always be encoded
		}
		events = append(events, &Event{Kind: Submitted, Plan: &plan, Digest: digest})
	}
	if back := s.app.Find(s.app.Back); back != nil && s.app.Current == "" {
		events = append(events, &Event{Kind: Submitted, Plan: &back.Plan, Digest: back.Digest, BackFrom: s.app.Live})
	}
	return slices.DeleteFunc(events, func(e *Event) bool { return x.mutation.admissible(s.app, e) != nil })
}

// exploreEnv deepens TestExplore: how many mishaps there may be on a way. Two
// take minutes.
const exploreEnv = "DAVIT_MISHAPS"

// explored are the policies and gates, and how many mishaps a short run lets
// happen under each.
func explored(t *testing.T) map[string]*exploration {
	t.Helper()
	all := map[string]*exploration{
		"hold":          {cfg: exploredConfig(func(*Config) {}), mishaps: 1},
		"rollback":      {cfg: exploredConfig(func(c *Config) { c.Undecided = Rollback })},
		"promote":       {cfg: exploredConfig(func(c *Config) { c.Undecided = Promote })},
		"before_canary": {cfg: exploredConfig(func(c *Config) { c.Approval = BeforeCanary })},
		"before_live":   {cfg: exploredConfig(func(c *Config) { c.Approval = BeforeLive })},
		"without bake":  {cfg: exploredConfig(func(c *Config) { c.Bake = 0 })},
		"two steps":     {cfg: exploredConfig(func(c *Config) { c.Steps = []quantity.Share{0.25, 0.5} })},
		"two instances": {cfg: exploredConfig(func(c *Config) { c.Steps, c.Bake = []quantity.Share{0.25}, 0 }), replicas: 2, mishaps: 1},
		"person holds":  {cfg: exploredConfig(func(*Config) {}), holds: 1},
	}
	for _, x := range all {
		x.submissions = 1
		if text := os.Getenv(exploreEnv); text != "" {
			var err error
			if x.mishaps, err = strconv.Atoi(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

// TestExplore visits all states within bounds, for every policy and gate.
func TestExplore(t *testing.T) {
	ends, states := map[string]bool{}, 0
	for name, x := range explored(t) {
		t.Run(name, func(t *testing.T) {
			if found := x.run(t); found != nil {
				t.Error(found)
			}
			t.Logf("%d states", len(x.parents))
			states += len(x.parents)
			maps.Copy(ends, x.ends)
		})
	}
	t.Logf("%d states in all", states)
	for _, want := range []string{
		string(Live), string(Rejected), string(RolledBack), string(Aborted), string(Superseded), "held", string(PhaseBaking),
	} {
		if !ends[want] {
			t.Errorf("no way leads to %s", want)
		}
	}
}
