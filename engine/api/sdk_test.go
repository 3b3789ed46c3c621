package api

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/service/iam"
	"github.com/databricks/databricks-sdk-go/service/serving"
)

// The official Go SDK, unchanged, against this server.
func TestTheDatabricksSDKIsServed(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	server := httptest.NewServer(New(newFake(), Options{}).Handler())
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w, err := databricks.NewWorkspaceClient(&databricks.Config{Host: server.URL, Token: goodToken, AuthType: "pat"})
	if err != nil {
		t.Fatal(err)
	}
	me, err := w.CurrentUser.Me(ctx, iam.MeRequest{})
	if err != nil || me.UserName != ada.Name || me.DisplayName != ada.DisplayName || !me.Active || me.Emails[0].Value != ada.Name {
		t.Fatalf("Me: %+v %v", me, err)
	}
	if all, err := w.ServingEndpoints.ListAll(ctx); err != nil || len(all) != 0 {
		t.Fatalf("list of none: %+v %v", all, err)
	}
	create := serving.CreateServingEndpoint{Name: "digits", Tags: []serving.EndpointTag{{Key: "team", Value: "a"}}, Config: &serving.EndpointCoreConfigInput{
		ServedEntities: []serving.ServedEntityInput{{EntityName: "main.default.digits", EntityVersion: "1", WorkloadSize: "Small", ForceSendFields: []string{"ScaleToZeroEnabled"}}},
	}}
	waiter, err := w.ServingEndpoints.Create(ctx, create)
	if err != nil {
		t.Fatal(err)
	}
	if r := waiter.Response; r.Config != nil || r.PendingConfig == nil || r.PendingConfig.StartTime == 0 || r.State.ConfigUpdate != serving.EndpointStateConfigUpdateInProgress {
		t.Errorf("created %+v", r)
	}
	polls := 0
	e, err := waiter.OnProgress(func(*serving.ServingEndpointDetailed) { polls++ }).GetWithTimeout(time.Minute)
	if err != nil || polls == 0 {
		t.Fatalf("wait: %v after %d polls", err, polls)
	}
	c := e.Config
	if e.State.Ready != serving.EndpointStateReadyReady || e.PendingConfig != nil || c.ConfigVersion != 1 || c.ServedEntities[0].EntityVersion != "1" ||
		c.ServedModels[0].ModelName != "main.default.digits" || c.TrafficConfig.Routes[0].TrafficPercentage != 100 || e.CreationTimestamp != start.UnixMilli() || e.Creator != ada.Name {
		t.Errorf("ready %+v %+v", e, c)
	}
	if _, err := w.ServingEndpoints.Create(ctx, create); !errors.Is(err, apierr.ErrResourceAlreadyExists) {
		t.Errorf("a second create: %v", err)
	}
	_, err = w.ServingEndpoints.GetByName(ctx, "none")
	var said *apierr.APIError
	if !errors.As(err, &said) || said.ErrorDetails().RequestInfo == nil || len(said.ErrorDetails().RequestInfo.RequestID) != 36 {
		t.Errorf("the SDK does not find the request's id in %v", err)
	}
	answer, err := w.ServingEndpoints.Query(ctx, serving.QueryEndpointInput{Name: "digits", Inputs: []int{1}})
	if err != nil || len(answer.Predictions) != 2 || answer.ServedModelName != "digits-1" {
		t.Errorf("query: %+v %v", answer, err)
	}
	metrics, err := w.ServingEndpoints.ExportMetricsByName(ctx, "digits")
	if err != nil {
		t.Fatalf("metrics: %v", err)
	}
	if text, err := io.ReadAll(metrics.Contents); err != nil || !strings.Contains(string(text), `request_count_total{endpoint_name="digits"`) {
		t.Errorf("metrics: %s %v", text, err)
	}
	if logs, err := w.ServingEndpoints.LogsByNameAndServedModelName(ctx, "digits", "digits-1"); err != nil || logs.Logs != "" {
		t.Errorf("logs: %+v %v", logs, err)
	}
	if logs, err := w.ServingEndpoints.BuildLogsByNameAndServedModelName(ctx, "digits", "digits-1"); err != nil || logs.Logs != "" {
		t.Errorf("build logs: %+v %v", logs, err)
	}
	all, err := w.ServingEndpoints.ListAll(ctx)
	if err != nil || len(all) != 1 || all[0].Config.ServedEntities[0].EntityName != "main.default.digits" {
		t.Errorf("list: %+v %v", all, err)
	}
	if err := w.ServingEndpoints.DeleteByName(ctx, "digits"); err != nil {
		t.Error(err)
	}
	if _, err := w.ServingEndpoints.GetByName(ctx, "digits"); !errors.Is(err, apierr.ErrResourceDoesNotExist) {
		t.Errorf("get after delete: %v", err)
	}
	if _, err := w.ServingEndpoints.Query(ctx, serving.QueryEndpointInput{Name: "none", Inputs: []int{1}}); !errors.Is(err, apierr.ErrNotFound) {
		t.Errorf("query of none: %v", err)
	}
	if _, err := w.ServingEndpoints.CreateProvisionedThroughputEndpoint(ctx, serving.CreatePtEndpointRequest{Name: "pt"}); !errors.Is(err, apierr.ErrNotImplemented) {
		t.Errorf("provisioned throughput: %v", err)
	}
	stranger, err := databricks.NewWorkspaceClient(&databricks.Config{Host: server.URL, Token: "dapi-wrong", AuthType: "pat"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.ServingEndpoints.ListAll(ctx); !errors.Is(err, apierr.ErrUnauthenticated) {
		t.Errorf("with a wrong token: %v", err)
	}
}
