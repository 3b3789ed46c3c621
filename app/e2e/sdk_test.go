package e2e

import (
	"context"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/iam"
	"github.com/databricks/databricks-sdk-go/service/serving"
)

// The official Go SDK creates, waits, queries and deletes, as its documentation shows.
func TestDatabricksSDKServesAModel(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	importModel(t, data, shared(t, "mlflow/sum_columns"), "main.default.sums")

	t.Setenv("HOME", t.TempDir())
	w, err := databricks.NewWorkspaceClient(&databricks.Config{Host: p.url, Token: p.token, AuthType: "pat"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	me, err := w.CurrentUser.Me(ctx, iam.MeRequest{})
	if err != nil || me.UserName == "" {
		t.Fatalf("CurrentUser.Me: %+v %v", me, err)
	}

	began := time.Now()
	waiter, err := w.ServingEndpoints.Create(ctx, serving.CreateServingEndpoint{
		Name: "sums",
		Config: &serving.EndpointCoreConfigInput{ServedEntities: []serving.ServedEntityInput{{
			EntityName:         "main.default.sums",
			EntityVersion:      "1",
			WorkloadSize:       "Small",
			ScaleToZeroEnabled: false,
			ForceSendFields:    []string{"ScaleToZeroEnabled"},
		}}},
		Tags: []serving.EndpointTag{{Key: "team", Value: "data science"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := waiter.Get()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("create and wait: %v", time.Since(began))
	if endpoint.State.Ready != serving.EndpointStateReadyReady || endpoint.Config == nil || endpoint.PendingConfig != nil {
		t.Fatalf("after the wait the endpoint is %+v", endpoint)
	}
	if got := endpoint.Config.ServedEntities[0].Name; got != "sums-1" {
		t.Errorf("served entity name %q, want the default sums-1", got)
	}
	if endpoint.Creator != me.UserName {
		t.Errorf("creator %q is not the caller %q", endpoint.Creator, me.UserName)
	}

	answer, err := w.ServingEndpoints.Query(ctx, serving.QueryEndpointInput{
		Name: "sums",
		DataframeSplit: &serving.DataframeSplitInput{
			Columns: []any{"x", "y"}, Data: []any{[]any{1.5, 2}, []any{3, 4}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Predictions) != 2 || answer.ServedModelName != "sums-1" {
		t.Fatalf("answer %+v", answer)
	}
	for i, want := range []float64{3.5, 7} {
		row, _ := answer.Predictions[i].(map[string]any)
		got, _ := row["sum"].(float64)
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("prediction %d is %v, want sum %v", i, answer.Predictions[i], want)
		}
	}

	all, err := w.ServingEndpoints.ListAll(ctx)
	if err != nil || len(all) != 1 || all[0].Name != "sums" {
		t.Fatalf("list: %+v %v", all, err)
	}
	if err := w.ServingEndpoints.DeleteByName(ctx, "sums"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ServingEndpoints.GetByName(ctx, "sums"); !apierr.IsMissing(err) {
		t.Fatalf("after delete, get answers %v", err)
	}
}

// A waiter ends with the reason when the model cannot be loaded.
func TestDatabricksSDKTellsWhyADeploymentFailed(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := serve(t, data)
	t.Setenv("HOME", t.TempDir())
	w, err := databricks.NewWorkspaceClient(&databricks.Config{Host: p.url, Token: p.token, AuthType: "pat"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = w.ServingEndpoints.Create(ctx, serving.CreateServingEndpoint{
		Name: "nothing",
		Config: &serving.EndpointCoreConfigInput{ServedEntities: []serving.ServedEntityInput{{
			EntityName: "main.default.absent", EntityVersion: "1", WorkloadSize: "Small",
			ForceSendFields: []string{"ScaleToZeroEnabled"},
		}}},
	})
	if err == nil {
		t.Fatal("an endpoint on a model that is not registered was accepted")
	}
	t.Log(err)
}
