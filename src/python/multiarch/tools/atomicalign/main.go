// Atomicalign finds 64-bit words that sync/atomic uses and that are not aligned to 64 bits.
//
// On 32-bit platforms an int64 is aligned to 32 bits, and an atomic operation on one that is not
// aligned to 64 panics. Only the first word of a variable or of allocated memory is aligned for
// certain. The request, a JSON file, is the packages of a program for one platform, dependencies
// first; all but those of std are read from source. The answer is a JSON list of findings.
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"sort"
	"strings"
)

type request struct {
	Arch     string
	Packages []struct {
		Path      string
		Files     []string
		ImportMap map[string]string
		GoVersion string
	}
	Exports map[string]string
}

type finding struct {
	Package string `json:"package"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`
	Error   bool   `json:"error"`
}

const word = 8

// A step is one field on the way from the aligned first word to the word that is used.
type step struct {
	owner  *types.Struct
	field  *types.Var
	index  int
	offset int64
}

// A use is a 64-bit word that sync/atomic is called with.
type use struct {
	pkg   string
	pos   token.Pos
	call  string
	steps []step
	// The size of an array's or slice's elements, where it makes every second one misaligned.
	stride int64
}

type checker struct {
	fset     *token.FileSet
	sizes    types.Sizes
	checked  map[string]*types.Package
	std      types.Importer
	names    map[*types.Struct]string
	structs  []declared
	uses     []use
	findings []finding
	atomic   map[*types.Var]bool
	// The structs that must be aligned to 64 bits wherever they are, and the field that needs it.
	aligned map[*types.Struct]string
}

type declared struct {
	pkg  string
	node *ast.StructType
	typ  *types.Struct
}

type resolver struct {
	*checker
	names map[string]string
}

func (r resolver) Import(path string) (*types.Package, error) {
	if final, ok := r.names[path]; ok {
		path = final
	}
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	if pkg, ok := r.checked[path]; ok {
		return pkg, nil
	}
	return r.std.Import(path)
}

func main() {
	data, err := os.ReadFile(os.Args[1])
	var asked request
	if err == nil {
		err = json.Unmarshal(data, &asked)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fset := token.NewFileSet()
	c := &checker{
		fset:    fset,
		sizes:   types.SizesFor("gc", asked.Arch),
		checked: map[string]*types.Package{},
		names:   map[*types.Struct]string{},
		atomic:  map[*types.Var]bool{},
		aligned: map[*types.Struct]string{},
		std: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
			name, ok := asked.Exports[path]
			if !ok {
				return nil, fmt.Errorf("no export data for %s", path)
			}
			return os.Open(name)
		}),
	}
	for _, p := range asked.Packages {
		c.read(p.Path, p.Files, p.ImportMap, p.GoVersion)
	}
	c.judge()
	sort.SliceStable(c.findings, func(i, j int) bool {
		a, b := c.findings[i], c.findings[j]
		return a.File < b.File || a.File == b.File && a.Line < b.Line
	})
	out, _ := json.MarshalIndent(append([]finding{}, c.findings...), "", " ")
	fmt.Println(string(out))
}

// read type-checks one package from its sources and collects its structs and atomic uses.
func (c *checker) read(path string, names []string, renamed map[string]string, version string) {
	var files []*ast.File
	failed := func(err error) {
		f := finding{Package: path, Message: err.Error(), Error: true}
		if len(names) > 0 {
			f.File, f.Line = names[0], 1
		}
		if e, ok := err.(types.Error); ok {
			at := c.fset.Position(e.Pos)
			f.File, f.Line, f.Message = at.Filename, at.Line, e.Msg
		}
		c.findings = append(c.findings, f)
	}
	for _, name := range names {
		file, err := parser.ParseFile(c.fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			failed(err)
			return
		}
		files = append(files, file)
	}
	info := &types.Info{
		Types:      map[ast.Expr]types.TypeAndValue{},
		Defs:       map[*ast.Ident]types.Object{},
		Uses:       map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	var first error
	config := types.Config{
		Importer:  resolver{c, renamed},
		Sizes:     c.sizes,
		GoVersion: version,
		// What C declares is not known, and no atomic word.
		FakeImportC: true,
		Error: func(err error) {
			if first == nil {
				first = err
			}
		},
	}
	pkg, _ := config.Check(path, c.fset, files, info)
	c.checked[path] = pkg
	if first != nil {
		failed(first)
	}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				if node, ok := n.Type.(*ast.StructType); ok {
					if s, ok := info.TypeOf(node).(*types.Struct); ok {
						c.names[s] = n.Name.Name
					}
				}
			case *ast.StructType:
				if s, ok := info.TypeOf(n).(*types.Struct); ok {
					c.structs = append(c.structs, declared{path, n, s})
				}
			case *ast.CallExpr:
				c.call(path, info, n)
			}
			return true
		})
	}
}

// call notes a call of sync/atomic's 64-bit functions.
func (c *checker) call(pkg string, info *types.Info, call *ast.CallExpr) {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return
	}
	fn, ok := info.Uses[sel.Sel].(*types.Func)
	if !ok || fn.Pkg() == nil || fn.Pkg().Path() != "sync/atomic" {
		return
	}
	if fn.Type().(*types.Signature).Recv() != nil || !strings.HasSuffix(fn.Name(), "nt64") {
		return
	}
	addr, ok := ast.Unparen(call.Args[0]).(*ast.UnaryExpr)
	if !ok || addr.Op != token.AND {
		return
	}
	u := use{pkg: pkg, pos: call.Args[0].Pos(), call: "atomic." + fn.Name()}
	c.walk(info, addr.X, &u)
	if len(u.steps) > 0 {
		c.atomic[u.steps[len(u.steps)-1].field] = true
	}
	c.uses = append(c.uses, u)
}

// walk follows an expression from the variable or pointer it begins at; a pointer begins anew.
func (c *checker) walk(info *types.Info, expr ast.Expr, u *use) {
	switch e := ast.Unparen(expr).(type) {
	case *ast.SelectorExpr:
		selection, ok := info.Selections[e]
		if !ok || selection.Kind() != types.FieldVal {
			return // a package's variable
		}
		c.walk(info, e.X, u)
		typ := info.TypeOf(e.X)
		for _, index := range selection.Index() {
			if pointer, ok := typ.Underlying().(*types.Pointer); ok {
				u.steps, u.stride = nil, 0
				typ = pointer.Elem()
			}
			s, ok := typ.Underlying().(*types.Struct)
			if !ok {
				u.steps = nil
				return
			}
			field := s.Field(index)
			u.steps = append(u.steps, step{s, field, index, c.offset(s, index)})
			typ = field.Type()
		}
	case *ast.IndexExpr:
		var elem types.Type
		switch t := info.TypeOf(e.X).Underlying().(type) {
		case *types.Array:
			c.walk(info, e.X, u)
			elem = t.Elem()
			if t.Len() == 1 {
				return
			}
		case *types.Slice:
			u.steps, u.stride = nil, 0
			elem = t.Elem()
		case *types.Pointer:
			u.steps, u.stride = nil, 0
			if array, ok := t.Elem().Underlying().(*types.Array); ok {
				elem = array.Elem()
			}
		}
		if elem != nil && !generic(elem) {
			if size := c.sizes.Sizeof(elem); size%word != 0 {
				u.stride = size
			}
		}
	case *ast.StarExpr:
		u.steps, u.stride = nil, 0
	}
}

func (c *checker) offset(s *types.Struct, index int) int64 {
	if generic(s) {
		return 0
	}
	fields := make([]*types.Var, s.NumFields())
	for i := range fields {
		fields[i] = s.Field(i)
	}
	return c.sizes.Offsetsof(fields)[index]
}

// generic says whether a type's size depends on a type parameter.
func generic(t types.Type) bool {
	switch t := t.(type) {
	case *types.TypeParam:
		return true
	case *types.Named, *types.Alias:
		switch t.Underlying().(type) {
		case *types.Struct, *types.Array:
			return generic(t.Underlying())
		}
	case *types.Array:
		return generic(t.Elem())
	case *types.Struct:
		for i := 0; i < t.NumFields(); i++ {
			if generic(t.Field(i).Type()) {
				return true
			}
		}
	}
	return false
}

// judge turns uses into findings, and then looks for what holds a struct that must be aligned.
func (c *checker) judge() {
	for _, u := range c.uses {
		var sum int64
		for i := len(u.steps) - 1; i >= 0; i-- {
			s := u.steps[i]
			sum += s.offset
			if s.offset%word != 0 {
				break
			}
			if sum%word == 0 {
				if _, ok := c.aligned[s.owner]; !ok {
					c.aligned[s.owner] = c.path(u.steps[i:])
				}
			}
		}
		sum = 0
		for _, s := range u.steps {
			sum += s.offset
		}
		if sum%word != 0 {
			c.misaligned(u, sum)
		} else if u.stride != 0 {
			c.add(u.pkg, u.pos, fmt.Sprintf(
				"%s is called with a word of an element of %d bytes, so every second element is "+
					"misaligned; pad the element to a multiple of 8 bytes, or use atomic.Int64",
				u.call, u.stride))
		}
	}
	for changed := true; changed; {
		changed = false
		for _, d := range c.structs {
			if c.hold(d) {
				changed = true
			}
		}
	}
	for _, d := range c.structs {
		c.embedding(d)
	}
}

func (c *checker) path(steps []step) string {
	var names []string
	for _, s := range steps {
		names = append(names, s.field.Name())
	}
	return strings.Join(names, ".")
}

func (c *checker) misaligned(u use, sum int64) {
	at := u.steps[len(u.steps)-1]
	for i := len(u.steps) - 1; i >= 0; i-- {
		if u.steps[i].offset%word != 0 {
			at = u.steps[i]
			break
		}
	}
	what := fmt.Sprintf("field `%s` of %s at offset %d", at.field.Name(), c.name(at.owner), at.offset)
	if len(u.steps) > 1 {
		what += fmt.Sprintf(" (`%s`, offset %d in all)", c.path(u.steps), sum)
	}
	c.add(u.pkg, u.pos, fmt.Sprintf(
		"%s is called with %s, which is no multiple of 8: it panics there. Put the fields in the "+
			"order %s, or use atomic.Int64 or atomic.Uint64, which are always aligned",
		u.call, what, c.order(at.owner, at.index)))
}

// need returns the struct that a field's type must keep aligned, and how many there are in a row.
func (c *checker) need(t types.Type) (s *types.Struct, row string) {
	switch u := t.Underlying().(type) {
	case *types.Struct:
		s = u
	case *types.Array:
		s, _ = u.Elem().Underlying().(*types.Struct)
		if u.Len() > 1 {
			row = "array"
		}
	case *types.Slice:
		s, _ = u.Elem().Underlying().(*types.Struct)
		row = "slice"
	}
	if s == nil || generic(s) {
		return nil, ""
	}
	if _, ok := c.aligned[s]; !ok {
		return nil, ""
	}
	return s, row
}

// hold says whether a struct is newly found to need alignment for what it holds.
func (c *checker) hold(d declared) bool {
	if _, ok := c.aligned[d.typ]; ok || generic(d.typ) {
		return false
	}
	for i := 0; i < d.typ.NumFields(); i++ {
		s, row := c.need(d.typ.Field(i).Type())
		if s != nil && row != "slice" && c.offset(d.typ, i)%word == 0 {
			c.aligned[d.typ] = d.typ.Field(i).Name() + "." + c.aligned[s]
			return true
		}
	}
	return false
}

func (c *checker) embedding(d declared) {
	if generic(d.typ) {
		return
	}
	for i := 0; i < d.typ.NumFields(); i++ {
		field := d.typ.Field(i)
		s, row := c.need(field.Type())
		if s == nil {
			continue
		}
		if offset := c.offset(d.typ, i); row != "slice" && offset%word != 0 {
			c.add(d.pkg, field.Pos(), fmt.Sprintf(
				"field `%s` of %s is at offset %d, and sync/atomic uses its word `%s`: it panics "+
					"there. Put the fields in the order %s, or use atomic.Int64 or atomic.Uint64, "+
					"which are always aligned",
				field.Name(), c.name(d.typ), offset, c.aligned[s], c.order(d.typ, i)))
		} else if size := c.sizes.Sizeof(s); row != "" && size%word != 0 {
			c.add(d.pkg, field.Pos(), fmt.Sprintf(
				"field `%s` of %s is an %s of structs of %d bytes, and sync/atomic uses their word "+
					"`%s`: every second one is misaligned. Pad the struct to a multiple of 8 bytes, "+
					"or use atomic.Int64 or atomic.Uint64, which are always aligned",
				field.Name(), c.name(d.typ), row, size, c.aligned[s]))
		}
	}
}

func (c *checker) name(s *types.Struct) string {
	if name, ok := c.names[s]; ok {
		return "struct `" + name + "`"
	}
	return "an unnamed struct"
}

// order names a struct's fields with those first that must be aligned.
func (c *checker) order(s *types.Struct, index int) string {
	var first, rest []string
	for i := 0; i < s.NumFields(); i++ {
		field := s.Field(i)
		held, _ := c.need(field.Type())
		whole := c.sizes.Sizeof(field.Type())%word == 0
		switch {
		case c.atomic[field] || (held != nil || i == index) && whole:
			first = append(first, field.Name())
		case i == index:
			// Its size would move what follows: it is last of the aligned ones.
			rest = append([]string{field.Name()}, rest...)
		default:
			rest = append(rest, field.Name())
		}
	}
	return strings.Join(append(first, rest...), ", ")
}

func (c *checker) add(pkg string, pos token.Pos, message string) {
	at := c.fset.Position(pos)
	c.findings = append(c.findings, finding{pkg, at.Filename, at.Line, message, false})
}
