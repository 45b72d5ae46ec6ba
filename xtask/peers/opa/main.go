// Command opa measures one decision by OPA in process, the peer of our own gate: POLICY QUERY INPUT.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"time"

	"github.com/open-policy-agent/opa/v1/rego"
)

func main() {
	policy, err := os.ReadFile(os.Args[1])
	check(err)
	text, err := os.ReadFile(os.Args[3])
	check(err)
	ctx := context.Background()
	query, err := rego.New(rego.Query(os.Args[2]), rego.Module("gate.rego", string(policy))).PrepareForEval(ctx)
	check(err)
	var spans []time.Duration
	for n := range 220 {
		begun := time.Now()
		// The text is read each time, as a gate reads it.
		var input any
		check(json.Unmarshal(text, &input))
		found, err := query.Eval(ctx, rego.EvalInput(input))
		check(err)
		if len(found) != 1 {
			check(fmt.Errorf("no decision"))
		}
		if n >= 20 {
			spans = append(spans, time.Since(begun))
		}
	}
	sort.Slice(spans, func(a, b int) bool { return spans[a] < spans[b] })
	fmt.Printf("decision_median_ns %d\ndecision_min_ns %d\n", spans[len(spans)/2].Nanoseconds(), spans[0].Nanoseconds())
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
