// Command opa measures one decision by OPA, the peer of our own gate: POLICY QUERY INPUT. First in process, then by its
// own server over loopback, on one connection that is kept. With more inputs it only decides: a line of JSON for each.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/plugins"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/server"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

func main() {
	policy, err := os.ReadFile(os.Args[1])
	check(err)
	text, err := os.ReadFile(os.Args[3])
	check(err)
	ctx := context.Background()
	query, err := rego.New(rego.Query(os.Args[2]), rego.Module("gate.rego", string(policy))).PrepareForEval(ctx)
	check(err)
	if len(os.Args) > 4 {
		for _, file := range os.Args[3:] {
			decide(ctx, query, file)
		}
		return
	}
	measure("decision", func() {
		// The text is read each time, as a gate reads it.
		var input any
		check(json.Unmarshal(text, &input))
		found, err := query.Eval(ctx, rego.EvalInput(input))
		check(err)
		if len(found) != 1 {
			check(fmt.Errorf("no decision"))
		}
	})

	base := serve(ctx)
	call("PUT", base+"/v1/policies/gate", policy)
	question := base + "/v1/" + strings.ReplaceAll(os.Args[2], ".", "/")
	body := bytes.Join([][]byte{[]byte(`{"input":`), text, []byte(`}`)}, nil)
	measure("server", func() {
		var answer struct {
			Result map[string]any `json:"result"`
		}
		check(json.Unmarshal(call("POST", question, body), &answer))
		if len(answer.Result) == 0 {
			check(fmt.Errorf("no decision"))
		}
	})
}

// decide prints what OPA makes of the input in a file.
func decide(ctx context.Context, query rego.PreparedEvalQuery, file string) {
	text, err := os.ReadFile(file)
	check(err)
	var input any
	check(json.Unmarshal(text, &input))
	found, err := query.Eval(ctx, rego.EvalInput(input))
	check(err)
	if len(found) != 1 {
		check(fmt.Errorf("%s: no decision", file))
	}
	check(json.NewEncoder(os.Stdout).Encode(found[0].Expressions[0].Value))
}

// serve starts OPA's own server on a free port of loopback and says where it listens.
func serve(ctx context.Context) string {
	store := inmem.New()
	manager, err := plugins.New([]byte("{}"), "bench", store)
	check(err)
	check(manager.Start(ctx))
	opa, err := server.New().WithAddresses([]string{"127.0.0.1:0"}).WithStore(store).WithManager(manager).Init(ctx)
	check(err)
	loops, err := opa.Listeners()
	check(err)
	for _, loop := range loops {
		go func() { check(loop()) }()
	}
	for len(opa.Addrs()) == 0 {
		time.Sleep(time.Millisecond)
	}
	return "http://" + opa.Addrs()[0]
}

func call(method, url string, body []byte) []byte {
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	check(err)
	answer, err := http.DefaultClient.Do(request)
	check(err)
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	check(err)
	if answer.StatusCode != http.StatusOK {
		check(fmt.Errorf("%s: %s", answer.Status, said))
	}
	return said
}

// measure prints the median and the least of 200 calls, after 20 that warm up.
func measure(name string, ask func()) {
	var spans []time.Duration
	for n := range 220 {
		begun := time.Now()
		ask()
		if n >= 20 {
			spans = append(spans, time.Since(begun))
		}
	}
	sort.Slice(spans, func(a, b int) bool { return spans[a] < spans[b] })
	fmt.Printf("%s_median_ns %d\n%s_min_ns %d\n", name, spans[len(spans)/2].Nanoseconds(), name, spans[0].Nanoseconds())
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
