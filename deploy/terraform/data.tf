# PostgreSQL for operators and their sessions; Valkey for messages and counts. Both with TLS only.
resource "aws_security_group" "stores" {
  name        = "${var.prefix}-stores"
  description = "PostgreSQL and Valkey: from tasks of the product only"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "stores" {
  for_each                     = { postgresql = 5432, valkey = 6379 }
  security_group_id            = aws_security_group.stores.id
  referenced_security_group_id = aws_security_group.product.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
  description                  = each.key
}

resource "aws_db_subnet_group" "operators" {
  name       = "${var.prefix}-operators"
  subnet_ids = var.private_subnet_ids
}

resource "aws_db_parameter_group" "operators" {
  name   = "${var.prefix}-operators"
  family = "postgres17"
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
}

resource "aws_db_instance" "operators" {
  identifier                      = "${var.prefix}-operators"
  engine                          = "postgres"
  engine_version                  = "17"
  instance_class                  = var.database_class
  allocated_storage               = 20
  max_allocated_storage           = 100
  storage_type                    = "gp3"
  storage_encrypted               = true
  kms_key_id                      = aws_kms_key.this.arn
  db_name                         = "dutyline"
  username                        = "dutyline"
  password_wo                     = ephemeral.random_password.database.result
  password_wo_version             = var.password_version
  multi_az                        = true
  db_subnet_group_name            = aws_db_subnet_group.operators.name
  vpc_security_group_ids          = [aws_security_group.stores.id]
  parameter_group_name            = aws_db_parameter_group.operators.name
  backup_retention_period         = 35
  copy_tags_to_snapshot           = true
  deletion_protection             = true
  final_snapshot_identifier       = "${var.prefix}-operators-final"
  auto_minor_version_upgrade      = true
  enabled_cloudwatch_logs_exports = ["postgresql"]
  ca_cert_identifier              = "rds-ca-rsa2048-g1"
}

resource "aws_elasticache_subnet_group" "queue" {
  name       = "${var.prefix}-queue"
  subnet_ids = var.private_subnet_ids
}

# Messages must not be evicted.
resource "aws_elasticache_parameter_group" "queue" {
  name   = "${var.prefix}-queue"
  family = "valkey8"
  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
}

resource "aws_elasticache_user" "product" {
  user_id       = "${var.prefix}-product"
  user_name     = "dutyline"
  engine        = "valkey"
  access_string = "on ~* &* +@all -@admin -@dangerous +info +keys"
  authentication_mode {
    type      = "password"
    passwords = [var.redis_password] # ElastiCache has no write-only password: this one is in the state
  }
}

resource "aws_elasticache_user_group" "queue" {
  user_group_id = "${var.prefix}-queue"
  engine        = "valkey"
  user_ids      = [aws_elasticache_user.product.user_id]
}

resource "aws_elasticache_replication_group" "queue" {
  replication_group_id       = "${var.prefix}-queue"
  description                = "Celery messages and request counts of ${var.prefix}"
  engine                     = "valkey"
  engine_version             = "8.0"
  node_type                  = var.redis_class
  num_cache_clusters         = 2 # a primary and a replica: cluster mode must be off
  cluster_mode               = "disabled"
  automatic_failover_enabled = true
  multi_az_enabled           = true
  at_rest_encryption_enabled = true
  kms_key_id                 = aws_kms_key.this.arn
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  user_group_ids             = [aws_elasticache_user_group.queue.user_group_id]
  subnet_group_name          = aws_elasticache_subnet_group.queue.name
  parameter_group_name       = aws_elasticache_parameter_group.queue.name
  security_group_ids         = [aws_security_group.stores.id]
}
