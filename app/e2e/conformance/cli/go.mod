module servery.invalid/clients/databricks-cli

go 1.26.8

require github.com/databricks/cli v1.10.0
