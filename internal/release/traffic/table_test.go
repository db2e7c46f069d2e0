package traffic_test

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release/traffic"
	"github.com/davit-dev/davit/internal/x/quantity"
)

func target(label string, addresses ...string) *traffic.Target {
	return &traffic.Target{Label: label, Addresses: addresses}
}

func validTable() traffic.Table {
	return traffic.Table{Version: 3, Routes: []traffic.Route{
		{
			App: "orders", Version: 17, Listener: traffic.Production,
			Hosts:  []string{"orders.localhost", "Orders.example.com", "10.0.0.1", "::1"},
			Stable: target("r1", "127.0.0.1:4001", "[::1]:4002"), Canary: target("r2", "localhost:4003"),
			Weight: 0.05, Lease: quantity.Duration(10 * time.Second), Drain: quantity.Duration(time.Minute),
		},
		{
			App: "orders", Version: 18, Listener: traffic.Staging, Hosts: []string{"orders.localhost"},
			Stable: target("r2", "127.0.0.1:4004"),
		},
	}}
}

func TestTableReadsBackWhatItWrites(t *testing.T) {
	want := validTable()
	data, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := traffic.DecodeTable(data)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestTableIsRefused(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*traffic.Table)
		say    string
	}{
		"version":         {func(t *traffic.Table) { t.Version = 0 }, "versions start at 1"},
		"app":             {func(t *traffic.Table) { t.Routes[0].App = "a.b" }, "DNS label"},
		"upper case app":  {func(t *traffic.Table) { t.Routes[0].App = "Orders" }, "DNS label"},
		"listener":        {func(t *traffic.Table) { t.Routes[0].Listener = "public" }, "neither"},
		"no hosts":        {func(t *traffic.Table) { t.Routes[0].Hosts = nil }, "0 hosts"},
		"host with port":  {func(t *traffic.Table) { t.Routes[0].Hosts[0] = "orders:80" }, `"orders:80"`},
		"host with space": {func(t *traffic.Table) { t.Routes[0].Hosts[0] = "orders x" }, `"orders x"`},
		"no stable":       {func(t *traffic.Table) { t.Routes[0].Stable = nil }, "no stable target"},
		"weight":          {func(t *traffic.Table) { t.Routes[0].Weight = 1.01 }, "not in [0, 1]"},
		"negative weight": {func(t *traffic.Table) { t.Routes[0].Weight = -0.01 }, "not in [0, 1]"},
		"NaN":             {func(t *traffic.Table) { t.Routes[0].Weight = math.NaN() }, "not in [0, 1]"},
		"weight alone":    {func(t *traffic.Table) { t.Routes[1].Weight = 0.5 }, "without a canary"},
		"affinity":        {func(t *traffic.Table) { t.Routes[0].Affinity = &traffic.Affinity{By: "ip"} }, `affinity by "ip"`},
		"no header":       {func(t *traffic.Table) { t.Routes[0].Affinity = &traffic.Affinity{By: traffic.ByHeader, Header: "a b"} }, `"a b"`},
		"mirror":          {func(t *traffic.Table) { t.Routes[0].Mirror = 1.5 }, "not in [0, 1]"},
		"lease":           {func(t *traffic.Table) { t.Routes[0].Lease = -1 }, "negative"},
		"label":           {func(t *traffic.Table) { t.Routes[0].Stable.Label = "a b" }, "printable"},
		"same label":      {func(t *traffic.Table) { t.Routes[0].Canary.Label = "r1" }, "both labeled"},
		"no address":      {func(t *traffic.Table) { t.Routes[0].Canary.Addresses = nil }, "canary target: r2 has 0 addresses"},
		"port 0":          {func(t *traffic.Table) { t.Routes[0].Stable.Addresses[0] = "127.0.0.1:0" }, "host:port"},
		"no port":         {func(t *traffic.Table) { t.Routes[0].Stable.Addresses[0] = "127.0.0.1" }, "host:port"},
		"second route":    {func(t *traffic.Table) { t.Routes[1].Listener = traffic.Production }, "its second"},
		"host twice": {func(t *traffic.Table) {
			t.Routes[1].Listener, t.Routes[1].App, t.Routes[1].Hosts[0] = traffic.Production, "bills", "ORDERS.localhost"
		}, `already belongs to "orders"`},
	} {
		t.Run(what, func(t *testing.T) {
			table := validTable()
			c.change(&table)
			if err := table.Validate(); err == nil || !strings.Contains(err.Error(), c.say) {
				t.Errorf("got %v, want an error with %q", err, c.say)
			}
		})
	}
}

func TestDecodeTableRefuses(t *testing.T) {
	data, err := validTable().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"nothing":     "",
		"unknown key": strings.Replace(string(data), `"version":3`, `"version":3,"extra":1`, 1),
		"two tables":  string(data) + string(data),
		"too much":    string(data) + strings.Repeat(" ", 4<<20),
	} {
		if table, err := traffic.DecodeTable([]byte(text)); err == nil {
			t.Errorf("%s was read as %+v", what, table)
		}
	}
}

// FuzzDecodeTable: a table that can be read is valid, and is the same when it is
// written and read again.
func FuzzDecodeTable(f *testing.F) {
	data, err := validTable().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"version":1,"routes":null}`))
	f.Add([]byte(`{"version":1,"routes":[{"app":"a","version":0,"listener":"staging","hosts":["a"],"stable":{"label":"l","addresses":["a:1"]},"weight":0,"lease":"1h","drain":"0s"}]}`))
	f.Add([]byte(`{"version":1,"routes":[{"app":"a","Stable":{"label":"\ud800"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := traffic.DecodeTable(data)
		if err != nil {
			return
		}
		once, err := table.Encode()
		if err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		again, err := traffic.DecodeTable(once)
		if err != nil || !reflect.DeepEqual(again, table) {
			t.Fatalf("%v\nread  %+v\nagain %+v", err, table, again)
		}
		if twice, _ := again.Encode(); !bytes.Equal(once, twice) {
			t.Fatalf("written %s\nthen    %s", once, twice)
		}
	})
}
