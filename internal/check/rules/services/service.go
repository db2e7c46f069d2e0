package services

import (
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// each makes a rule's function of one that looks at a service.
func each(check func(*rule.Pass, *project.Compose, *compose.Service)) func(*rule.Pass, *project.Compose) {
	return func(p *rule.Pass, c *project.Compose) {
		for _, s := range c.AST.Services {
			check(p, c, s)
		}
	}
}

// span returns where a node is written.
func span(n *compose.Node) dockerfile.Span { return dockerfile.Span(n.Span) }

// report says that something is wrong with a value.
func report(p *rule.Pass, c *project.Compose, at *compose.Node, message string) {
	p.Report(c.File, rule.Report{At: span(at), Message: message})
}

// is says that a node is a constant scalar with one of the texts.
func is(n *compose.Node, texts ...string) bool {
	text, known := n.Constant()
	return known && slices.Contains(texts, text)
}

// reference is the name of an image, taken apart.
type reference struct {
	name   string // without tag and digest; Docker Hub's prefixes taken off
	tag    string
	digest bool
}

// image reads the image of a service that runs one that others built. It fails
// when there are variables in it.
func image(s *compose.Service) (reference, bool) {
	text, known := s.Image.Constant()
	if !known || text == "" || s.Build != nil {
		return reference{}, false
	}
	return parseReference(text), true
}

// parseReference takes a reference apart: the tag follows the last colon after
// the last slash.
func parseReference(text string) reference {
	var r reference
	text, _, r.digest = strings.Cut(text, "@")
	if colon := strings.LastIndexByte(text, ':'); colon > strings.LastIndexByte(text, '/') {
		text, r.tag = text[:colon], text[colon+1:]
	}
	for _, prefix := range []string{"docker.io/", "index.docker.io/", "library/"} {
		text = strings.TrimPrefix(text, prefix)
	}
	r.name = text
	return r
}

// base returns the last word of the name.
func (r reference) base() string { return r.name[strings.LastIndexByte(r.name, '/')+1:] }

// userland returns what the image offers, as for a FROM.
func (r reference) userland() project.Userland {
	return project.Image{Name: r.name, Known: true}.Userland()
}

// isDatabase knows the images of servers that keep data or hand it on, and that
// are not there for the world.
func (r reference) isDatabase() bool {
	switch r.base() {
	case "postgres", "postgis", "timescaledb", "timescaledb-ha", "pgvector", "mysql", "mariadb", "percona", "mongo", "redis", "valkey",
		"keydb", "memcached", "rabbitmq", "elasticsearch", "opensearch", "cassandra", "scylla", "couchdb", "clickhouse-server",
		"clickhouse", "influxdb", "neo4j", "etcd", "nats", "cockroach", "cp-kafka", "kafka", "zookeeper", "cp-zookeeper":
		return true
	}
	return false
}
