package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// configFlag is for the commands that take flags from a file too.
type configFlag struct {
	Config string `help:"A YAML file with what serve takes as flags. A flag and an environment variable come before it." group:"Configuration"`
}

// withConfigFile gives the chosen command what its configuration file says, if
// it has one.
func withConfigFile() kong.Option {
	done := false // the hook is called for every word of the command line
	return kong.WithBeforeResolve(func(ctx *kong.Context) error {
		node := ctx.Selected()
		if done || node == nil {
			return nil
		}
		done = true
		i := slices.IndexFunc(node.Flags, func(f *kong.Flag) bool { return f.Name == "config" })
		if i < 0 {
			return nil
		}
		path, _ := ctx.FlagValue(node.Flags[i]).(string)
		if path == "" {
			return nil
		}
		values, err := readConfigFile(path, fileKeys(ctx.Model.Node))
		if err != nil {
			return err
		}
		ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			if slices.ContainsFunc(flag.Envs, func(name string) bool { _, set := os.LookupEnv(name); return set }) {
				return nil, nil
			}
			return values[flag.Name], nil
		}))
		return nil
	})
}

// fileKeys are the keys that a configuration file may have: the flags of serve,
// whichever command reads it, so that one file serves all of them.
func fileKeys(app *kong.Node) (keys []string) {
	for _, f := range childOf(app, "serve").Flags {
		if f.Name != "config" && f.Name != "help" {
			keys = append(keys, f.Name)
		}
	}
	return keys
}

// readConfigFile reads a file of keys with a value or a list of values each.
// What they mean is seen when they take the place of flags.
func readConfigFile(path string, keys []string) (map[string]any, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer file.Close()
	var document yaml.Node
	decoder := yaml.NewDecoder(file)
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil // nothing but comments
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one document", path)
	}
	top := document.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return nil, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: expected keys and values, such as \"listen: 0.0.0.0:8080\"", path, top.Line)
	}
	values := map[string]any{}
	for i := 0; i < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		if !slices.Contains(keys, key.Value) {
			return nil, fmt.Errorf("%s:%d: unknown key %q: the keys are the flags of serve, without dashes before them", path, key.Line, key.Value)
		}
		if values[key.Value] != nil {
			return nil, fmt.Errorf("%s:%d: %s is there twice", path, key.Line, key.Value)
		}
		if values[key.Value], err = plainValue(value); err != nil {
			return nil, fmt.Errorf("%s:%d: %s: %w", path, key.Line, key.Value, err)
		}
	}
	return values, nil
}

// plainValue is a value as a flag would have it, or a list of those.
func plainValue(n *yaml.Node) (any, error) {
	switch {
	case n.Kind == yaml.AliasNode:
		return plainValue(n.Alias)
	case n.Kind == yaml.ScalarNode && n.Tag != "!!null":
		return n.Value, nil
	case n.Kind == yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			value, err := plainValue(item)
			if _, ok := value.(string); err == nil && !ok {
				err = errors.New("a list in a list")
			}
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	}
	return nil, errors.New("expected a value, or a list of values")
}
