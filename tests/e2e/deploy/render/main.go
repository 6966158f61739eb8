// SPDX-License-Identifier: Apache-2.0

// Renders the chart as `helm template` does, on machines without Helm: Go's own template engine with
// the functions Helm adds (those of sprig, and the few of Helm itself that are below).
//
//	render CHART_DIR RELEASE NAMESPACE [VALUES.json]
//
// VALUES are merged into the chart's values.yaml as `-f` does. Prints one document after the other;
// NOTES.txt is rendered too and printed as comments. What Helm does and this does not: subcharts,
// hooks, `lookup`, `tpl`, `.Files`, the order of kinds.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	yaml "gopkg.in/yaml.v3"
)

func die(what string, err error) {
	fmt.Fprintf(os.Stderr, "render: %s: %v\n", what, err)
	os.Exit(1)
}

// Helm reads YAML by way of JSON: every number is a float, every map has string keys.
func readYAML(path string) map[string]interface{} {
	text, err := os.ReadFile(path)
	if err != nil {
		die("cannot read", err)
	}
	var raw interface{}
	if err := yaml.Unmarshal(text, &raw); err != nil {
		die(path, err)
	}
	encoded, err := json.Marshal(raw)
	if err != nil {
		die(path, err)
	}
	values := map[string]interface{}{}
	if err := json.Unmarshal(encoded, &values); err != nil {
		die(path, err)
	}
	return values
}

// Maps are merged, everything else is replaced, null takes a default away.
func merge(base, over map[string]interface{}) {
	for key, value := range over {
		inner, isMap := value.(map[string]interface{})
		baseInner, baseIsMap := base[key].(map[string]interface{})
		switch {
		case value == nil:
			delete(base, key)
		case isMap && baseIsMap:
			merge(baseInner, inner)
		default:
			base[key] = value
		}
	}
}

func toYAML(value interface{}) string {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(value); err != nil {
		return "" // as Helm does
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func functions(all *template.Template) template.FuncMap {
	added := sprig.TxtFuncMap()
	delete(added, "env") // Helm takes these away
	delete(added, "expandenv")
	added["toYaml"] = toYAML
	added["include"] = func(name string, data interface{}) (string, error) {
		var out bytes.Buffer
		err := all.ExecuteTemplate(&out, name, data)
		return out.String(), err
	}
	added["required"] = func(message string, value interface{}) (interface{}, error) {
		if value == nil || value == "" {
			return nil, fmt.Errorf("%s", message)
		}
		return value, nil
	}
	return added
}

func main() {
	if len(os.Args) < 4 {
		die("usage", fmt.Errorf("render CHART_DIR RELEASE NAMESPACE [VALUES.json]"))
	}
	chart, release, namespace := os.Args[1], os.Args[2], os.Args[3]
	values := readYAML(filepath.Join(chart, "values.yaml"))
	if len(os.Args) > 4 {
		merge(values, readYAML(os.Args[4]))
	}
	about := readYAML(filepath.Join(chart, "Chart.yaml"))
	data := map[string]interface{}{
		"Values": values,
		// The fields of Chart.yaml have capital names in templates.
		"Chart":   map[string]interface{}{"Name": about["name"], "Version": about["version"], "AppVersion": about["appVersion"]},
		"Release": map[string]interface{}{"Name": release, "Namespace": namespace, "Service": "Helm", "IsInstall": true, "IsUpgrade": false, "Revision": 1},
	}
	all := template.New("chart").Option("missingkey=zero")
	all.Funcs(functions(all))
	paths, _ := filepath.Glob(filepath.Join(chart, "templates", "*"))
	sort.Strings(paths)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			die("cannot read", err)
		}
		if _, err := all.New(filepath.Base(path)).Parse(string(text)); err != nil {
			die(path, err)
		}
	}
	for _, path := range paths {
		name := filepath.Base(path)
		if strings.HasPrefix(name, "_") {
			continue
		}
		var out bytes.Buffer
		if err := all.ExecuteTemplate(&out, name, data); err != nil {
			die(path, err)
		}
		text := strings.ReplaceAll(out.String(), "<no value>", "") // as Helm does
		if name == "NOTES.txt" {
			text = "# " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n# ")
		}
		if strings.TrimSpace(text) != "" {
			fmt.Printf("---\n# Source: %s\n%s\n", name, text)
		}
	}
}
