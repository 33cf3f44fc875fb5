# The tables, from `manage.py tables --json` (a test compares the file). After each apply,
# `manage.py tables` checks them, and stores the checks of the data keys.
locals {
  table_prefix = coalesce(var.table_prefix, var.prefix)
  tables       = { for table in jsondecode(file("${path.module}/tables.json")) : table.name => table }
}

resource "aws_dynamodb_table" "records" {
  for_each = local.tables

  name                        = "${local.table_prefix}-${each.key}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = one([for key in each.value.KeySchema : key.AttributeName if key.KeyType == "HASH"])
  range_key                   = one([for key in each.value.KeySchema : key.AttributeName if key.KeyType == "RANGE"])
  deletion_protection_enabled = true

  dynamic "attribute" {
    for_each = each.value.AttributeDefinitions
    content {
      name = attribute.value.AttributeName
      type = attribute.value.AttributeType
    }
  }
  dynamic "global_secondary_index" {
    for_each = lookup(each.value, "GlobalSecondaryIndexes", [])
    content {
      name               = global_secondary_index.value.IndexName
      hash_key           = one([for key in global_secondary_index.value.KeySchema : key.AttributeName if key.KeyType == "HASH"])
      range_key          = one([for key in global_secondary_index.value.KeySchema : key.AttributeName if key.KeyType == "RANGE"])
      projection_type    = global_secondary_index.value.Projection.ProjectionType
      non_key_attributes = lookup(global_secondary_index.value.Projection, "NonKeyAttributes", null)
    }
  }
  dynamic "ttl" {
    for_each = each.value.expiry == null ? [] : [each.value.expiry]
    content {
      attribute_name = ttl.value
      enabled        = true
    }
  }
  point_in_time_recovery {
    enabled = true
  }
  server_side_encryption {
    enabled = true # under aws/dynamodb
  }
  lifecycle {
    prevent_destroy = true
  }
}
