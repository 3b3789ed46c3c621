package api

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/listing"
	"github.com/databricks/databricks-sdk-go/service/iam"
	"github.com/databricks/databricks-sdk-go/service/oauth2"
	"github.com/databricks/databricks-sdk-go/service/serving"
	"github.com/databricks/databricks-sdk-go/service/settings"
	"github.com/databricks/databricks-sdk-go/service/workspace"
)

// sdkHouse is a server with real users, and the official Go SDK as its owner.
func sdkHouse(t *testing.T) (context.Context, *household, string, *databricks.WorkspaceClient) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	h := &household{withDigits(newFake())}
	server := httptest.NewServer(New(h, Options{}).Handler())
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx, h, server.URL, client(t, &databricks.Config{Host: server.URL, Token: goodToken, AuthType: "pat"})
}

func client(t *testing.T, config *databricks.Config) *databricks.WorkspaceClient {
	t.Helper()
	w, err := databricks.NewWorkspaceClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestTheSDKsUsersAndGroups(t *testing.T) {
	ctx, _, _, w := sdkHouse(t)
	carol, err := w.UsersV2.Create(ctx, iam.CreateUserRequest{UserName: "carol@example.com", DisplayName: "Carol", Active: true})
	if err != nil || carol.Id == "" || !carol.Active || carol.UserName != "carol@example.com" {
		t.Fatalf("create: %+v, %v", carol, err)
	}
	if _, err := w.UsersV2.Create(ctx, iam.CreateUserRequest{UserName: "Carol@example.com"}); !errors.Is(err, apierr.ErrResourceAlreadyExists) {
		t.Errorf("create again: %v", err)
	}
	all, err := w.UsersV2.ListAll(ctx, iam.ListUsersRequest{})
	if err != nil || len(all) != 3 || all[2].Id != carol.Id {
		t.Errorf("list: %+v, %v", all, err)
	}
	if one, err := w.UsersV2.ListAll(ctx, iam.ListUsersRequest{Filter: `userName eq "CAROL@example.com"`}); err != nil || len(one) != 1 {
		t.Errorf("filter: %+v, %v", one, err)
	}
	if pages, err := listing.ToSlice(ctx, w.UsersV2.List(ctx, iam.ListUsersRequest{Count: 2})); err != nil || len(pages) != 3 {
		t.Errorf("in pages of two: %+v, %v", pages, err)
	}
	team, err := w.GroupsV2.Create(ctx, iam.CreateGroupRequest{DisplayName: "team", Members: []iam.ComplexValue{{Value: carol.Id}}})
	if err != nil || len(team.Members) != 1 || team.Members[0].Display != "Carol" || team.Members[0].Ref != "Users/"+carol.Id {
		t.Fatalf("group: %+v, %v", team, err)
	}
	patch := func(op iam.PatchOp, path string, value any) error {
		return w.GroupsV2.Patch(ctx, iam.PatchGroupRequest{Id: team.Id, Schemas: []iam.PatchSchema{iam.PatchSchemaUrnIetfParamsScimApiMessages20PatchOp}, Operations: []iam.Patch{{Op: op, Path: path, Value: value}}})
	}
	for _, step := range []struct {
		err  error
		want []string
	}{
		{patch(iam.PatchOpAdd, "members", []iam.ComplexValue{{Value: "8"}}), nil},
		{patch(iam.PatchOpRemove, `members[value eq "`+carol.Id+`"]`, nil), nil},
		{patch(iam.PatchOpAdd, "", map[string]any{"members": []iam.ComplexValue{{Value: carol.Id}}}), nil},
		{patch(iam.PatchOpReplace, "displayName", "crew"), nil},
	} {
		if step.err != nil {
			t.Error(step.err)
		}
	}
	got, err := w.GroupsV2.Get(ctx, iam.GetGroupRequest{Id: team.Id})
	if err != nil || got.DisplayName != "crew" || len(got.Members) != 2 {
		t.Errorf("group: %+v, %v", got, err)
	}
	me, err := w.UsersV2.Get(ctx, iam.GetUserRequest{Id: carol.Id})
	if err != nil || len(me.Groups) != 2 || me.Groups[0].Display != "crew" || me.Groups[0].Type != "direct" || me.Groups[1].Display != "users" {
		t.Errorf("carol's groups: %+v, %v", me, err)
	}
	if err := w.UsersV2.Patch(ctx, iam.PatchUserRequest{Id: carol.Id, Operations: []iam.Patch{{Op: iam.PatchOpReplace, Path: "active", Value: false}}}); err != nil {
		t.Error(err)
	}
	if err := w.UsersV2.Update(ctx, iam.UpdateUserRequest{Id: carol.Id, UserName: "carol@example.com", DisplayName: "Carol C."}); err != nil {
		t.Error(err)
	}
	if me, err = w.UsersV2.Get(ctx, iam.GetUserRequest{Id: carol.Id}); err != nil || me.Active || me.DisplayName != "Carol C." {
		t.Errorf("deactivated: %+v, %v", me, err)
	}
	if err := w.GroupsV2.Delete(ctx, iam.DeleteGroupRequest{Id: team.Id}); err != nil {
		t.Error(err)
	}
	if err := w.UsersV2.Delete(ctx, iam.DeleteUserRequest{Id: carol.Id}); err != nil {
		t.Error(err)
	}
	if _, err := w.UsersV2.Get(ctx, iam.GetUserRequest{Id: carol.Id}); !errors.Is(err, apierr.ErrResourceDoesNotExist) {
		t.Errorf("deleted: %v", err)
	}
	if err := w.UsersV2.Delete(ctx, iam.DeleteUserRequest{Id: "7"}); err == nil || !strings.Contains(err.Error(), "cannot be removed") {
		t.Errorf("the owner's removal: %v", err)
	}
}

func TestTheSDKsTokens(t *testing.T) {
	ctx, h, url, w := sdkHouse(t)
	made, err := w.Tokens.Create(ctx, settings.CreateTokenRequest{Comment: "ci", LifetimeSeconds: 3600})
	if err != nil || made.TokenInfo.ExpiryTime-made.TokenInfo.CreationTime != 3_600_000 || made.TokenInfo.Comment != "ci" {
		t.Fatalf("create: %+v, %v", made, err)
	}
	other := client(t, &databricks.Config{Host: url, Token: made.TokenValue, AuthType: "pat"})
	if me, err := other.CurrentUser.Me(ctx, iam.MeRequest{}); err != nil || me.UserName != ada.Name || me.Groups[0].Display != "admins" {
		t.Errorf("by the new token: %+v, %v", me, err)
	}
	if list, err := w.Tokens.ListAll(ctx); err != nil || len(list) != 1 || list[0].TokenId != made.TokenInfo.TokenId {
		t.Errorf("list: %+v, %v", list, err)
	}
	managed, err := w.TokenManagement.ListAll(ctx, settings.ListTokenManagementRequest{CreatedByUsername: ada.Name})
	if err != nil || len(managed) != 1 || managed[0].OwnerId != 7 || managed[0].CreatedByUsername != ada.Name {
		t.Errorf("managed: %+v, %v", managed, err)
	}
	if err := w.Tokens.DeleteByTokenId(ctx, made.TokenInfo.TokenId); err != nil {
		t.Fatal(err)
	}
	if _, err := other.CurrentUser.Me(ctx, iam.MeRequest{}); !errors.Is(err, apierr.ErrUnauthenticated) {
		t.Errorf("by a revoked token: %v", err)
	}
	robot, err := w.ServicePrincipalsV2.Create(ctx, iam.CreateServicePrincipalRequest{DisplayName: "robot", Active: true})
	if err != nil || len(robot.ApplicationId) != 36 {
		t.Fatalf("service principal: %+v, %v", robot, err)
	}
	obo, err := w.TokenManagement.CreateOboToken(ctx, settings.CreateOboTokenRequest{ApplicationId: robot.ApplicationId, LifetimeSeconds: 60})
	if err != nil {
		t.Fatal(err)
	}
	if me, err := client(t, &databricks.Config{Host: url, Token: obo.TokenValue, AuthType: "pat"}).CurrentUser.Me(ctx, iam.MeRequest{}); err != nil || me.UserName != robot.ApplicationId || me.DisplayName != "robot" {
		t.Errorf("on behalf: %+v, %v", me, err)
	}
	if got, err := w.TokenManagement.GetByTokenId(ctx, obo.TokenInfo.TokenId); err != nil || got.TokenInfo.CreatedById != 7 {
		t.Errorf("get: %+v, %v", got, err)
	}
	if err := w.TokenManagement.DeleteByTokenId(ctx, obo.TokenInfo.TokenId); err != nil || len(h.Tokens("")) != 0 {
		t.Errorf("delete: %v", err)
	}
	if _, err := w.TokenManagement.CreateOboToken(ctx, settings.CreateOboTokenRequest{ApplicationId: "none"}); !errors.Is(err, apierr.ErrResourceDoesNotExist) {
		t.Errorf("on behalf of nobody: %v", err)
	}
}

func TestTheSDKSignsInWithAClientsSecret(t *testing.T) {
	ctx, _, url, w := sdkHouse(t)
	robot, err := w.ServicePrincipalsV2.Create(ctx, iam.CreateServicePrincipalRequest{DisplayName: "robot", Active: true})
	if err != nil {
		t.Fatal(err)
	}
	made, err := w.ServicePrincipalSecretsProxy.Create(ctx, oauth2.CreateServicePrincipalSecretRequest{ServicePrincipalId: robot.Id, Lifetime: "3600s"})
	if err != nil || made.Secret == "" || made.Id == "" || made.Status != "ACTIVE" {
		t.Fatalf("secret: %+v, %v", made, err)
	}
	if _, err := w.ServingEndpoints.UpdatePermissions(ctx, serving.ServingEndpointPermissionsRequest{ServingEndpointId: digitsID, AccessControlList: []serving.ServingEndpointAccessControlRequest{
		{ServicePrincipalName: robot.ApplicationId, PermissionLevel: serving.ServingEndpointPermissionLevelCanQuery}}}); err != nil {
		t.Fatal(err)
	}
	m2m := client(t, &databricks.Config{Host: url, ClientID: robot.ApplicationId, ClientSecret: made.Secret})
	if me, err := m2m.CurrentUser.Me(ctx, iam.MeRequest{}); err != nil || me.UserName != robot.ApplicationId {
		t.Fatalf("me: %+v, %v", me, err)
	}
	if m2m.Config.AuthType != "" && m2m.Config.AuthType != "oauth-m2m" {
		t.Errorf("signed in by %s", m2m.Config.AuthType)
	}
	if answer, err := m2m.ServingEndpoints.Query(ctx, serving.QueryEndpointInput{Name: "digits", Inputs: []int{1}}); err != nil || len(answer.Predictions) != 2 {
		t.Errorf("query: %+v, %v", answer, err)
	}
	if err := m2m.ServingEndpoints.DeleteByName(ctx, "digits"); !errors.Is(err, apierr.ErrPermissionDenied) {
		t.Errorf("delete: %v", err)
	}
	if list, err := w.ServicePrincipalSecretsProxy.ListAll(ctx, oauth2.ListServicePrincipalSecretsRequest{ServicePrincipalId: robot.Id}); err != nil || len(list) != 1 || list[0].SecretHash != made.SecretHash {
		t.Errorf("list: %+v, %v", list, err)
	}
	if err := w.ServicePrincipalSecretsProxy.Delete(ctx, oauth2.DeleteServicePrincipalSecretRequest{ServicePrincipalId: robot.Id, SecretId: made.Id}); err != nil {
		t.Fatal(err)
	}
	if _, err := m2m.CurrentUser.Me(ctx, iam.MeRequest{}); !errors.Is(err, apierr.ErrUnauthenticated) {
		t.Errorf("after the secret was deleted: %v", err)
	}
	stranger := client(t, &databricks.Config{Host: url, ClientID: robot.ApplicationId, ClientSecret: "dose-wrong"})
	if _, err := stranger.CurrentUser.Me(ctx, iam.MeRequest{}); err == nil || strings.Contains(err.Error(), "dose-wrong") {
		t.Errorf("with a wrong secret: %v", err)
	}
}

func TestTheSDKsPermissions(t *testing.T) {
	ctx, h, url, w := sdkHouse(t)
	token, _, err := h.NewToken(ctx, "8", "7", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	bobs := client(t, &databricks.Config{Host: url, Token: token, AuthType: "pat"})
	if _, err := bobs.ServingEndpoints.GetByName(ctx, "digits"); !errors.Is(err, apierr.ErrPermissionDenied) {
		t.Errorf("bob reads without a grant: %v", err)
	}
	set, err := w.ServingEndpoints.SetPermissions(ctx, serving.ServingEndpointPermissionsRequest{ServingEndpointId: digitsID, AccessControlList: []serving.ServingEndpointAccessControlRequest{
		{UserName: bob.Name, PermissionLevel: serving.ServingEndpointPermissionLevelCanView}}})
	if err != nil || set.ObjectId != "/serving-endpoints/"+digitsID || len(set.AccessControlList) != 3 {
		t.Fatalf("set: %+v, %v", set, err)
	}
	if e, err := bobs.ServingEndpoints.GetByName(ctx, "digits"); err != nil || e.PermissionLevel != serving.ServingEndpointDetailedPermissionLevelCanView {
		t.Errorf("bob reads: %+v, %v", e, err)
	}
	if got, err := bobs.ServingEndpoints.GetPermissionsByServingEndpointId(ctx, digitsID); err != nil || !slices.ContainsFunc(got.AccessControlList, func(c serving.ServingEndpointAccessControlResponse) bool {
		return c.GroupName == "admins" && c.AllPermissions[0].Inherited
	}) {
		t.Errorf("bob sees: %+v, %v", got, err)
	}
	if _, err := bobs.ServingEndpoints.SetPermissions(ctx, serving.ServingEndpointPermissionsRequest{ServingEndpointId: digitsID}); !errors.Is(err, apierr.ErrPermissionDenied) {
		t.Errorf("bob grants: %v", err)
	}
	if levels, err := w.ServingEndpoints.GetPermissionLevelsByServingEndpointId(ctx, digitsID); err != nil || len(levels.PermissionLevels) != 3 {
		t.Errorf("levels: %+v, %v", levels, err)
	}
}

func TestTheSDKsSecrets(t *testing.T) {
	ctx, h, url, w := sdkHouse(t)
	token, _, err := h.NewToken(ctx, "8", "7", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	bobs := client(t, &databricks.Config{Host: url, Token: token, AuthType: "pat"})
	if err := w.Secrets.CreateScope(ctx, workspace.CreateScope{Scope: "sc"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Secrets.PutSecret(ctx, workspace.PutSecret{Scope: "sc", Key: "k", StringValue: "v"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Secrets.PutSecret(ctx, workspace.PutSecret{Scope: "sc", Key: "b", BytesValue: base64.StdEncoding.EncodeToString([]byte{0, 255})}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Secrets.GetSecret(ctx, workspace.GetSecretRequest{Scope: "sc", Key: "b"}); err != nil || got.Value != "AP8=" || got.Key != "b" {
		t.Errorf("get: %+v, %v", got, err)
	}
	if _, err := bobs.Secrets.GetSecret(ctx, workspace.GetSecretRequest{Scope: "sc", Key: "k"}); !errors.Is(err, apierr.ErrResourceDoesNotExist) {
		t.Errorf("bob reads without a grant: %v", err)
	}
	if err := w.Secrets.PutAcl(ctx, workspace.PutAcl{Scope: "sc", Principal: bob.Name, Permission: workspace.AclPermissionRead}); err != nil {
		t.Fatal(err)
	}
	if got, err := bobs.Secrets.GetSecret(ctx, workspace.GetSecretRequest{Scope: "sc", Key: "k"}); err != nil || got.Value != "dg==" {
		t.Errorf("bob reads: %+v, %v", got, err)
	}
	if err := bobs.Secrets.PutSecret(ctx, workspace.PutSecret{Scope: "sc", Key: "k", StringValue: "x"}); !errors.Is(err, apierr.ErrPermissionDenied) {
		t.Errorf("bob writes: %v", err)
	}
	if scopes, err := bobs.Secrets.ListScopesAll(ctx); err != nil || len(scopes) != 1 || scopes[0].Name != "sc" || scopes[0].BackendType != workspace.ScopeBackendTypeDatabricks {
		t.Errorf("scopes: %+v, %v", scopes, err)
	}
	if keys, err := w.Secrets.ListSecretsAll(ctx, workspace.ListSecretsRequest{Scope: "sc"}); err != nil || len(keys) != 2 || keys[0].Key != "b" || keys[0].LastUpdatedTimestamp == 0 {
		t.Errorf("keys: %+v, %v", keys, err)
	}
	if acls, err := w.Secrets.ListAclsAll(ctx, workspace.ListAclsRequest{Scope: "sc"}); err != nil || len(acls) != 2 || acls[1] != (workspace.AclItem{Principal: bob.Name, Permission: workspace.AclPermissionRead}) && acls[1].Principal != bob.Name {
		t.Errorf("acls: %+v, %v", acls, err)
	}
	if acl, err := w.Secrets.GetAcl(ctx, workspace.GetAclRequest{Scope: "sc", Principal: bob.Name}); err != nil || acl.Permission != workspace.AclPermissionRead {
		t.Errorf("acl: %+v, %v", acl, err)
	}
	if err := w.Secrets.DeleteAcl(ctx, workspace.DeleteAcl{Scope: "sc", Principal: bob.Name}); err != nil {
		t.Error(err)
	}
	if err := w.Secrets.DeleteSecret(ctx, workspace.DeleteSecret{Scope: "sc", Key: "b"}); err != nil {
		t.Error(err)
	}
	if err := w.Secrets.DeleteScope(ctx, workspace.DeleteScope{Scope: "sc"}); err != nil {
		t.Error(err)
	}
	if _, err := w.Secrets.ListSecretsAll(ctx, workspace.ListSecretsRequest{Scope: "sc"}); !errors.Is(err, apierr.ErrResourceDoesNotExist) {
		t.Errorf("after the scope was deleted: %v", err)
	}
}
