package compose

import "strings"

// Port is an entry of ports.
type Port struct {
	Node      *Node
	Long      bool   // a mapping
	Known     bool   // there are no variables in it
	HostIP    string // empty: all interfaces
	Published string // port or range of the host; empty: any
	Target    string // port or range of the container
	Protocol  string // tcp or udp
	Inherited bool

	PublishedAt Span // the whole entry when the place is not clear; TargetAt too
	TargetAt    Span
}

func readPorts(f *File, field Field) []Port {
	n := field.Value.Target()
	inherited := field.Inherited || field.Value.Alias != nil
	var out []Port
	for _, item := range n.Items {
		p := Port{Node: item, Inherited: inherited || item.Alias != nil, Protocol: "tcp"}
		if item.Target().Kind == Mapping {
			p.long(f)
		} else {
			p.short()
		}
		out = append(out, p)
	}
	return out
}

func (p *Port) long(f *File) {
	p.Long, p.Known = true, true
	p.PublishedAt, p.TargetAt = p.Node.Span, p.Node.Span
	for _, field := range f.Fields(p.Node) {
		text, known := field.Value.Constant()
		p.Known = p.Known && known
		switch field.Key.Text {
		case "target":
			p.Target, p.TargetAt = text, field.Value.Span
		case "published":
			p.Published, p.PublishedAt = text, field.Value.Span
		case "host_ip":
			p.HostIP = text
		case "protocol":
			p.Protocol = text
		}
	}
}

// short reads [IP:][HOST:]CONTAINER[/PROTOCOL]; an address of IPv6 may be in brackets.
func (p *Port) short() {
	text, known := p.Node.Constant()
	p.Known = known
	p.PublishedAt, p.TargetAt = p.Node.Span, p.Node.Span
	if !known {
		return
	}
	rest, protocol, found := strings.Cut(text, "/")
	if found {
		p.Protocol = strings.ToLower(protocol)
	}
	colon := strings.LastIndexByte(rest, ':')
	p.Target = rest[colon+1:]
	p.TargetAt = p.Node.Part(colon+1, len(rest))
	if colon < 0 {
		return
	}
	before := strings.LastIndexByte(rest[:colon], ':')
	p.Published = rest[before+1 : colon]
	p.PublishedAt = p.Node.Part(before+1, colon)
	if before >= 0 {
		p.HostIP = strings.Trim(rest[:before], "[]")
	}
}
