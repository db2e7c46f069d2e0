package driver_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/x/quantity"
)

func TestWhatAnInstanceMayUseAndKeep(t *testing.T) {
	many := map[string]string{}
	for i := range 21 {
		many[fmt.Sprintf("v%d", i)] = fmt.Sprintf("/v%d", i)
	}
	at := func(name, path string) func(*driver.Config) {
		return func(c *driver.Config) { c.Volumes = map[string]string{"logs": "/srv/logs", name: path} }
	}
	const path = "is not an absolute path"
	for _, test := range []struct {
		change func(*driver.Config)
		want   string // "": it is valid
	}{
		{func(c *driver.Config) { c.Memory = 16 << 20 }, ""},
		{func(c *driver.Config) { c.Memory = 1 << 20 }, "memory: 1MiB is not enough for a program; at least 16MiB"},
		{func(c *driver.Config) { c.CPU = 10 }, ""},
		{func(c *driver.Config) { c.CPU = 9 }, "cpu: 0.009 is not enough for a program; at least 0.01"},
		{func(c *driver.Config) { c.Volumes = many }, "volumes: at most 20"},
		{at("data", "/var/lib/orders"), ""},
		{at("data-2", "/data"), ""},
		{at("data", "/srv/logs2"), ""},
		{at("data", "/tmpfiles"), ""},
		{at("data", "/etc/orders"), ""},
		{at("data", "/srv/logs"), "volumes.logs: /srv/logs and /srv/logs, of data, are not apart"},
		{at("data", "/srv"), "volumes.logs: /srv/logs and /srv, of data, are not apart"},
		{at("data", "/srv/logs/old"), "volumes.logs: /srv/logs and /srv/logs/old, of data, are not apart"},
		{at("Data", "/data"), `volumes.Data: the name "Data"`},
		{at("", "/data"), `the name ""`},
		{at("../data", "/data"), `the name "../data"`},
		{at("-data", "/data"), "the name"},
		{at(strings.Repeat("a", 64), "/data"), "63 at most"},
		{at("data", ""), path},
		{at("data", "data"), path},
		{at("data", "/data/"), path},
		{at("data", "/a/../b"), path},
		{at("data", "//data"), path},
		{at("data", "/a\x00b"), path},
		{at("data", "/"+strings.Repeat("a", 1024)), path},
		{at("data", "/"), "holds more than a volume"},
		{at("data", "/etc"), "holds more than a volume"},
		{at("data", "/proc"), "/proc is made anew"},
		{at("data", "/sys/x"), "/sys is made anew"},
		{at("data", "/dev/shm"), "/dev is made anew"},
		{at("data", "/tmp/cache"), "/tmp is made anew"},
		{at("data", "/etc/hosts"), "/etc/hosts is made anew"},
	} {
		cfg := driver.Default()
		test.change(&cfg)
		err := cfg.Validate()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("memory %s, cpu %s, volumes %.80v: got %v, want %q", cfg.Memory, cfg.CPU, cfg.Volumes, err, test.want)
		}
	}
}

// Plans of apps that say nothing about it have the digests that they had.
func TestWhatIsNotSaidIsNotWritten(t *testing.T) {
	plain, err := json.Marshal(driver.Default())
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"memory", "cpu", "volumes"} {
		if strings.Contains(string(plain), key) {
			t.Errorf("%s is in %s", key, plain)
		}
	}
	cfg := driver.Config{Memory: 256 << 20, CPU: 500, Volumes: map[string]string{"data": "/data"}}
	said, err := json.Marshal(cfg)
	if err != nil || !strings.Contains(string(said), `"memory":"256MiB","cpu":"0.5","volumes":{"data":"/data"}`) {
		t.Errorf("written as %s, %v", said, err)
	}
	var again driver.Config
	if err := json.Unmarshal(said, &again); err != nil || again.Memory != quantity.Size(256<<20) || again.CPU != 500 {
		t.Errorf("read as %+v, %v", again, err)
	}
}
