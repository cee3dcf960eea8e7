// Decodes the PodMonitors and PrometheusRules of standard input strictly, with the types of the Prometheus operator: the
// schemas of Kubernetes have no custom resources.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	documents "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func main() {
	count, err := decodeAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(count, "custom resources")
}

func decodeAll(in io.Reader) (int, error) {
	reader := documents.NewYAMLReader(bufio.NewReader(in))
	for count := 0; ; {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return count, nil
		} else if err != nil {
			return count, err
		}
		var object struct{ Kind string }
		if err := yaml.Unmarshal(document, &object); err != nil {
			return count, err
		}
		var into any
		switch object.Kind {
		case "PodMonitor":
			into = &monitoring.PodMonitor{}
		case "PrometheusRule":
			into = &monitoring.PrometheusRule{}
		default:
			continue
		}
		if err := yaml.UnmarshalStrict(document, into); err != nil {
			return count, fmt.Errorf("%s: %w", object.Kind, err)
		}
		count++
	}
}
