// Package driver holds the values that say what runs: a Spec is what somebody
// wants to run, an Instance is what a driver made of it. The drivers themselves
// are in the packages below; this one has no behaviour and imports no stage.
package driver

import (
	"time"

	"github.com/davit-dev/davit/internal/x/quantity"
)

// Spec says what to run. ID names the instance on this machine: a second Start
// with the same ID finds the first instance instead of making another.
type Spec struct {
	ID    string   `json:"id"`
	App   string   `json:"app"`
	Image Image    `json:"image"`
	Run   Config   `json:"run"`
	Env   []string `json:"env,omitempty"` // KEY=VALUE, after the image's and before $PORT

	// Secrets are variables whose values nobody but the program may see: a driver
	// keeps them off the disk, out of the log and out of the arguments.
	Secrets map[string]string `json:"-"`

	// Fleeting says that its volumes are empty when it starts and gone with it.
	Fleeting bool `json:"fleeting,omitempty"`
}

// Image is an image unpacked on this machine.
type Image struct {
	Digest     string   `json:"digest"`
	Root       string   `json:"root"` // folder that holds the unpacked layers; read-only for instances
	Entrypoint []string `json:"entrypoint,omitempty"`
	Cmd        []string `json:"cmd,omitempty"`
	Env        []string `json:"env,omitempty"`
	User       string   `json:"user,omitempty"` // "65532", "65532:65532" or a name in the image's /etc/passwd
	WorkingDir string   `json:"working_dir,omitempty"`
}

// Config is the run part of davit.yaml.
type Config struct {
	Port int               `json:"port" yaml:"port"`
	Args []string          `json:"args,omitempty" yaml:"args"` // nil: the image's own
	Env  map[string]string `json:"env,omitempty" yaml:"env"`
	// Secrets names the variables whose values davit keeps.
	Secrets []string          `json:"secrets,omitempty" yaml:"secrets"`
	Health  Health            `json:"health" yaml:"health"`
	Wait    []string          `json:"wait,omitempty" yaml:"wait"` // tcp://host:port or http://host:port/path
	Drain   quantity.Duration `json:"drain" yaml:"drain"`
	// Replicas is how many instances share the traffic; 0, as in old plans, is 1.
	Replicas int `json:"replicas,omitempty" yaml:"replicas"`
	// Memory and CPU are what an instance may use at most; 0 is no limit.
	Memory quantity.Size  `json:"memory,omitempty" yaml:"memory"`
	CPU    quantity.Cores `json:"cpu,omitempty" yaml:"cpu"`
	// Volumes are folders that are kept from version to version: a name for each,
	// and where it is in the instance's root.
	Volumes map[string]string `json:"volumes,omitempty" yaml:"volumes"`
}

// Health says how an instance is asked whether it is well.
type Health struct {
	Path     string            `json:"path" yaml:"path"`
	Interval quantity.Duration `json:"interval" yaml:"interval"`
	Timeout  quantity.Duration `json:"timeout" yaml:"timeout"`
	Failures int               `json:"failures" yaml:"failures"` // in a row, until it is restarted
	Start    quantity.Duration `json:"start" yaml:"start"`       // most until the first good answer
}

// Default returns the configuration of an app that says nothing.
func Default() Config {
	return Config{
		Port: 8080,
		Health: Health{
			Path:     "/healthz",
			Interval: quantity.Duration(5 * time.Second),
			Timeout:  quantity.Duration(time.Second),
			Failures: 3,
			Start:    quantity.Duration(30 * time.Second),
		},
		Drain:    quantity.Duration(30 * time.Second),
		Replicas: 1,
	}
}

// State is where an instance is in its life.
type State string

// The states of an instance. Starting turns into Ready with the first good
// health answer; Backoff waits to start a child again that ended; CrashLoop is
// a child that ended too often, and final until somebody stops the instance.
const (
	Starting  State = "starting"
	Ready     State = "ready"
	Backoff   State = "backoff"
	CrashLoop State = "crash_loop"
	Stopping  State = "stopping"
)

// Instance is what a driver made of a Spec.
type Instance struct {
	ID       string    `json:"id"`
	App      string    `json:"app"`
	Digest   string    `json:"digest"`
	Address  string    `json:"address"` // host:port that answers for it, fixed for its life
	State    State     `json:"state"`
	Reason   string    `json:"reason,omitempty"` // why it is not ready, for people
	Restarts int       `json:"restarts"`
	PID      int       `json:"pid,omitempty"`
	Started  time.Time `json:"started"`
	Sandbox  string    `json:"sandbox"` // level reached: "namespaces", "landlock" or "none"

	Ended     string `json:"ended,omitempty"`     // why it ended last, for people; "" when it never did
	Limits    string `json:"limits,omitempty"`    // those of run.memory and run.cpu that are in force, and by what
	Unlimited string `json:"unlimited,omitempty"` // those that cannot be enforced here, and why
}
