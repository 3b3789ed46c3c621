package endpoint

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"servery/engine/registry"
)

func (c *check) model(at string, spec EntitySpec, e *ServedEntity) {
	name, version := at+"entity_name", at+"entity_version"
	if spec.ModelVersion == "" { // told after what is wrong with the name, as the form shows them
		defer c.add(version, "entity_version is missing: give the number of a version of the model.")
	}
	if spec.ModelName == "" {
		c.add(name, "entity_name is missing: give the full name of a registered model, catalog.schema.model.")
		return
	}
	if strings.Count(spec.ModelName, ".") != 2 {
		c.add(name, "'%s' is no full name of a model: give catalog.schema.model, like main.default.%s.", spec.ModelName, spec.ModelName[strings.LastIndexByte(spec.ModelName, '.')+1:])
		return
	}
	model, err := c.models.Model(spec.ModelName)
	if err != nil {
		c.add(name, "%s", missingModel(spec.ModelName, err))
		return
	}
	if spec.ModelVersion == "" {
		return
	}
	n, err := strconv.Atoi(spec.ModelVersion)
	if err != nil || n < 1 || strconv.Itoa(n) != spec.ModelVersion {
		c.add(version, "%s", aliasHint(model, spec.ModelVersion))
		return
	}
	e.ModelVersion = n
	if message := unservable(model, n); message != "" {
		c.add(version, "%s", message)
	}
}

func missingModel(name string, err error) string {
	var missing *registry.NotFoundError
	if !errors.As(err, &missing) {
		return err.Error()
	}
	return fmt.Sprintf("The model '%s' is not registered. Import it first: on the Models page, or by servery models import FILE --name %s.", name, name)
}

func aliasHint(m registry.Model, given string) string {
	for _, a := range m.Aliases {
		if strings.EqualFold(a.Name, given) {
			return fmt.Sprintf("entity_version is '%s', an alias: an endpoint takes a version number. The alias points at version %d now.", given, a.Version)
		}
	}
	return fmt.Sprintf("entity_version is '%s': it takes the number of a version, in digits; aliases are not accepted. The model %s has %s.", given, m.FullName(), versionsOf(m))
}

// unservable says why a version cannot be served; "" where it can.
func unservable(m registry.Model, n int) string {
	v, ok := m.Version(n)
	switch {
	case !ok:
		return fmt.Sprintf("The model %s has no version %d: it has %s. Import it first: on the Models page, or by servery models import FILE --name %s.", m.FullName(), n, versionsOf(m), m.FullName())
	case v.Status == registry.Pending:
		return fmt.Sprintf("Version %d of the model %s is still being imported: wait until it is READY.", n, m.FullName())
	case v.Status != registry.Ready:
		return fmt.Sprintf("Version %d of the model %s cannot be served. %s", n, m.FullName(), v.Reason)
	}
	return ""
}

func versionsOf(m registry.Model) string {
	var numbers []string
	for _, v := range m.Versions {
		numbers = append(numbers, strconv.Itoa(v.Number))
	}
	switch len(numbers) {
	case 0:
		return "no version"
	case 1:
		return "version " + numbers[0]
	}
	slices.Reverse(numbers)
	if len(numbers) > 10 {
		numbers = append([]string{numbers[0], "…"}, numbers[len(numbers)-8:]...)
	}
	return "the versions " + strings.Join(numbers, ", ")
}
