package api

import "slices"

const (
	endpointPermissions = "/api/2.0/permissions/serving-endpoints/00000000000000000000000000000001"
	newTokenShape       = "comment lifetime_seconds:int|string"
	clientSecrets       = "/api/2.0/accounts/servicePrincipals/9/credentials/secrets"
	grantBob            = `{"access_control_list":[{"user_name":"bob@example.com","permission_level":"CAN_QUERY"}]}`
	renameBob           = `{"Operations":[{"op":"replace","path":"displayName","value":"Robert"}]}`
)

var identityOperations = slices.Concat(
	[]operation{{route: "GET /api/2.0/preview/scim/v2/Me", summary: "Who you are.", answer: wirePrincipal{}, try: "/api/2.0/preview/scim/v2/Me"}},
	scimOperations("Users", "8", "userName! displayName name:object externalId active:bool",
		`{"userName":"eve@example.com","displayName":"Eve"}`, `{"userName":"bob@example.com","displayName":"Robert"}`),
	scimOperations("ServicePrincipals", "9", "displayName applicationId externalId active:bool", `{"displayName":"nightly"}`, `{"displayName":"daily"}`),
	scimOperations("Groups", "10", "displayName! externalId members:[]MemberRequest", `{"displayName":"team","members":[{"value":"8"}]}`, `{"displayName":"team"}`),
	tokenOperations, permissionOperations, oauthOperations,
)

// scimOperations are those of scimRoutes. The examples create something with the body
// create, and replace what has the id with the body replace.
func scimOperations(word, id string, body shape, create, replace string) []operation {
	all := "/api/2.0/preview/scim/v2/" + word
	one := all + "/{id}"
	return []operation{
		{route: "GET " + all, summary: "List " + word + ", a page at a time.", query: "filter startIndex:int count:int", answer: wirePage{}, try: all + "?count=100"},
		{route: "POST " + all, summary: "Create one of " + word + ".", body: body, answer: wirePrincipal{}, status: 201, try: all, with: create},
		{route: "GET " + one, summary: "Get one of " + word + ".", answer: wirePrincipal{}, try: all + "/" + id},
		{route: "PUT " + one, summary: "Replace one of " + word + ".", body: body, answer: wirePrincipal{}, try: all + "/" + id, with: replace},
		{route: "PATCH " + one, summary: "Change one of " + word + ".", body: "schemas:[]string Operations!:[]PatchRequest", answer: wirePrincipal{}, try: all + "/" + id, with: renameBob},
		{route: "DELETE " + one, summary: "Delete one of " + word + ", with its tokens and grants.", try: all + "/" + id},
	}
}

var tokenOperations = []operation{
	{route: "POST /api/2.0/token/create", summary: "Create a token of your own. Its value is shown this once.", body: newTokenShape,
		answer: wireNewToken{}, try: "/api/2.0/token/create", with: `{"comment":"notebook","lifetime_seconds":3600}`},
	{route: "GET /api/2.0/token/list", summary: "List your tokens.", answer: shape("token_infos!:[]Token"), try: "/api/2.0/token/list"},
	{route: "POST /api/2.0/token/delete", summary: "Revoke a token of yours.", body: "token_id!", try: "/api/2.0/token/delete", with: `{"token_id":"TOKEN"}`},
	{route: "GET /api/2.0/token-management/tokens", summary: "List all tokens.", query: "created_by_id created_by_username",
		answer: shape("token_infos!:[]ManagedToken"), try: "/api/2.0/token-management/tokens?created_by_username=ada@example.com"},
	{route: "GET /api/2.0/token-management/tokens/{id}", summary: "Get a token.", answer: shape("token_info!:ManagedToken"), try: "/api/2.0/token-management/tokens/TOKEN"},
	{route: "DELETE /api/2.0/token-management/tokens/{id}", summary: "Revoke a token.", try: "/api/2.0/token-management/tokens/TOKEN"},
	{route: "POST /api/2.0/token-management/on-behalf-of/tokens", summary: "Create a token of a service principal.", body: "application_id! " + newTokenShape,
		answer: wireNewToken{}, try: "/api/2.0/token-management/on-behalf-of/tokens", with: `{"application_id":"APPLICATION"}`},
	{route: "POST /api/2.0/servery/users/{id}/tokens", summary: "Create a token of a user.", body: newTokenShape,
		answer: wireNewToken{}, try: "/api/2.0/servery/users/8/tokens", with: `{"comment":"first"}`},
}

var permissionOperations = []operation{
	{route: "GET /api/2.0/permissions/serving-endpoints/{id}", summary: "List who may do what with an endpoint, which its id names.", answer: wirePermissions{}, try: endpointPermissions},
	{route: "PUT /api/2.0/permissions/serving-endpoints/{id}", summary: "Replace what is granted on an endpoint.", body: "access_control_list:[]AccessControlRequest",
		answer: wirePermissions{}, try: endpointPermissions, with: grantBob},
	{route: "PATCH /api/2.0/permissions/serving-endpoints/{id}", summary: "Grant more on an endpoint.", body: "access_control_list:[]AccessControlRequest",
		answer: wirePermissions{}, try: endpointPermissions, with: grantBob},
	{route: "GET /api/2.0/permissions/serving-endpoints/{id}/permissionLevels", summary: "List what can be granted.", answer: wireLevels{}, try: endpointPermissions + "/permissionLevels"},
}

var oauthOperations = []operation{
	{route: "GET /oidc/.well-known/oauth-authorization-server", summary: "Where clients get access tokens.", answer: wireOIDC{}, try: "/oidc/.well-known/oauth-authorization-server", public: true},
	{route: "POST /oidc/v1/token", summary: "Exchange a client's id and secret for an access token.", body: "grant_type! client_id client_secret scope",
		takes: "application/x-www-form-urlencoded", answer: wireAccessToken{}, try: "/oidc/v1/token",
		with: "grant_type=client_credentials&client_id=APPLICATION&client_secret=VALUE&scope=all-apis", public: true},
	{route: "POST /api/2.0/accounts/servicePrincipals/{id}/credentials/secrets", summary: "Create a client secret of a service principal. Its value is shown this once.",
		body: "lifetime", answer: wireClientSecret{}, try: clientSecrets, with: `{"lifetime":"3600s"}`},
	{route: "GET /api/2.0/accounts/servicePrincipals/{id}/credentials/secrets", summary: "List a service principal's client secrets.",
		answer: shape("secrets!:[]ClientSecret"), try: clientSecrets},
	{route: "DELETE /api/2.0/accounts/servicePrincipals/{id}/credentials/secrets/{secret}", summary: "Delete a client secret.", try: clientSecrets + "/SECRET"},
}

var secretOperations = []operation{
	{route: "POST /api/2.0/secrets/scopes/create", summary: "Create a scope of secrets.", body: "scope! scope_backend_type initial_manage_principal",
		try: "/api/2.0/secrets/scopes/create", with: `{"scope":"prod"}`},
	{route: "GET /api/2.0/secrets/scopes/list", summary: "List the scopes that you may read.", answer: shape("scopes!:[]SecretScope"), try: "/api/2.0/secrets/scopes/list"},
	{route: "POST /api/2.0/secrets/scopes/delete", summary: "Delete a scope with its secrets.", body: "scope!", try: "/api/2.0/secrets/scopes/delete", with: `{"scope":"team"}`},
	{route: "POST /api/2.0/secrets/put", summary: "Store a secret.", body: "scope! key! string_value bytes_value", try: "/api/2.0/secrets/put",
		with: `{"scope":"team","key":"password","string_value":"hush"}`},
	{route: "GET /api/2.0/secrets/get", summary: "Read a secret.", query: "scope! key!", answer: shape("key! value!"), try: "/api/2.0/secrets/get?scope=team&key=token"},
	{route: "GET /api/2.0/secrets/list", summary: "List a scope's secrets, without their values.", query: "scope!", answer: shape("secrets!:[]SecretMetadata"), try: "/api/2.0/secrets/list?scope=team"},
	{route: "POST /api/2.0/secrets/delete", summary: "Delete a secret.", body: "scope! key!", try: "/api/2.0/secrets/delete", with: `{"scope":"team","key":"token"}`},
	{route: "POST /api/2.0/secrets/acls/put", summary: "Grant something on a scope.", body: "scope! principal! permission!", try: "/api/2.0/secrets/acls/put",
		with: `{"scope":"team","principal":"bob@example.com","permission":"READ"}`},
	{route: "GET /api/2.0/secrets/acls/get", summary: "What a principal may do with a scope.", query: "scope! principal!", answer: wireACL{}, try: "/api/2.0/secrets/acls/get?scope=team&principal=ada@example.com"},
	{route: "GET /api/2.0/secrets/acls/list", summary: "List who may do what with a scope.", query: "scope!", answer: shape("items!:[]ACL"), try: "/api/2.0/secrets/acls/list?scope=team"},
	{route: "POST /api/2.0/secrets/acls/delete", summary: "Take back what is granted on a scope.", body: "scope! principal!", try: "/api/2.0/secrets/acls/delete",
		with: `{"scope":"team","principal":"ada@example.com"}`},
}
