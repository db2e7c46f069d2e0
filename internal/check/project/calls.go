package project

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// Calls is what Go files call of other packages: "net/http.Get", with the string
// that is the first argument, where there is one.
type Calls struct {
	Arguments map[string][]string // Unknown for a call without a string first
	Imports   map[string]bool
	Complete  bool // all files could be read
}

// Unknown stands for an argument that only the running program knows.
const Unknown = "\x00"

// mostSource bounds the Go source that is read for one program.
const mostSource = 32 << 20

// Calls reads the files of the module that a program is built from. Of a program
// that is not known they are none, and not complete.
func (p *Project) Calls(d *Dockerfile, made Product) Calls {
	r := p.Reach(d, made)
	if d.Module == nil {
		return Calls{}
	}
	c := d.Module.callsOf(r.Files)
	c.Complete = c.Complete && !r.Missing && !made.Of.Go.severalPackages()
	return c
}

// CallsOfMain reads the files of the main package itself.
func (p *Project) CallsOfMain(d *Dockerfile, made Product) Calls {
	packages := made.Of.Go.Packages
	if len(packages) == 0 {
		packages = []dockerfile.Value{{Text: ".", Known: true}}
	}
	dir, found := p.PackageDir(d, made, packages[0])
	if !found || d.Module == nil {
		return Calls{}
	}
	own := slices.DeleteFunc(slices.Clone(p.Reach(d, made).Files), func(name string) bool { return filepath.Dir(name) != dir })
	return d.Module.callsOf(own)
}

// severalPackages says that the command may make other programs than one.
func (g *GoCommand) severalPackages() bool {
	return len(g.Packages) > 1 || slices.ContainsFunc(g.Packages, func(v dockerfile.Value) bool { return strings.Contains(v.Text, "...") })
}

// callsOf reads files, each set of them once.
func (m *Module) callsOf(files []string) Calls {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := strings.Join(files, "\x00")
	if c, found := m.calls[key]; found {
		return c
	}
	c := Calls{Arguments: map[string][]string{}, Imports: map[string]bool{}, Complete: true}
	left := int64(mostSource)
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil || info.Size() > left {
			c.Complete = false
			continue
		}
		left -= info.Size()
		c.file(name)
	}
	m.calls[key] = c
	return c
}

func (c *Calls) file(name string) {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		c.Complete = false
		return
	}
	names := map[string]string{}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		c.Imports[imported] = true
		local := imported[strings.LastIndexByte(imported, '/')+1:]
		if spec.Name != nil {
			local = spec.Name.Name
		}
		names[local] = imported
	}
	called := map[*ast.SelectorExpr]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if selector, ok := n.Fun.(*ast.SelectorExpr); ok {
				called[selector] = true
				c.call(names, selector, n.Args)
			}
		case *ast.SelectorExpr:
			if !called[n] {
				c.call(names, n, nil)
			}
		}
		return true
	})
}

func (c *Calls) call(names map[string]string, selector *ast.SelectorExpr, args []ast.Expr) {
	ident, ok := selector.X.(*ast.Ident)
	if !ok || names[ident.Name] == "" {
		return
	}
	key := names[ident.Name] + "." + selector.Sel.Name
	argument := Unknown
	if len(args) > 0 {
		if lit, ok := args[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			argument, _ = strconv.Unquote(lit.Value) // the parser has read it
		}
	}
	c.Arguments[key] = append(c.Arguments[key], argument)
}

// Has says whether one of the names is called or used.
func (c Calls) Has(names ...string) bool {
	for _, name := range names {
		if len(c.Arguments[name]) > 0 {
			return true
		}
	}
	return false
}
