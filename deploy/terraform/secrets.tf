# Secrets lie in Secrets Manager under a KMS key of our own. No secret but Valkey's password is in the
# state of Terraform: what is made here is written once and not stored; DATA_KEYS and those of the
# vendors are put in by hand.
locals {
  made_secrets  = toset(["SECRET_KEY", "DATABASE_URL", "REDIS_URL"])
  given_secrets = setunion(toset(["DATA_KEYS", "AUTH0_CLIENT_SECRET", "AUTH0_SSO_CLIENT_SECRET", "TWILIO_AUTH_TOKEN", "EMAIL_URL"]), var.optional_secrets)
  tls_secrets   = toset(["TLS_CERTIFICATE", "TLS_KEY"])
}

resource "aws_kms_key" "this" {
  description             = "${var.prefix}: secrets, files, logs and databases of Dutyline"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.region}.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource  = "*"
        Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:${var.region}:${local.account}:log-group:/${var.prefix}/*" } }
      },
      {
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
      },
    ]
  })
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.prefix}"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_secretsmanager_secret" "settings" {
  for_each                = setunion(local.made_secrets, local.given_secrets, local.tls_secrets)
  name                    = "${var.prefix}/${each.key}"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = 30
}

ephemeral "random_password" "secret_key" {
  length  = 64
  special = false
}

ephemeral "random_password" "database" {
  length  = 40
  special = false
}

resource "aws_secretsmanager_secret_version" "secret_key" {
  secret_id                = aws_secretsmanager_secret.settings["SECRET_KEY"].id
  secret_string_wo         = ephemeral.random_password.secret_key.result
  secret_string_wo_version = 1 # another key is put in by hand: docs/operations/data-keys.md
}

resource "aws_secretsmanager_secret_version" "database" {
  secret_id                = aws_secretsmanager_secret.settings["DATABASE_URL"].id
  secret_string_wo         = "postgres://dutyline:${ephemeral.random_password.database.result}@${aws_db_instance.operators.endpoint}/dutyline?sslmode=verify-full&sslrootcert=/etc/dutyline/rds.pem"
  secret_string_wo_version = var.password_version
}

resource "aws_secretsmanager_secret_version" "redis" {
  secret_id                = aws_secretsmanager_secret.settings["REDIS_URL"].id
  secret_string_wo         = "rediss://dutyline:${var.redis_password}@${aws_elasticache_replication_group.queue.primary_endpoint_address}:6379/0"
  secret_string_wo_version = var.password_version
}
