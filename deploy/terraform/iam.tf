# The rights of each role come from docs/aws, which the tests compare with the calls that the product makes.
locals {
  policies = {
    for role in ["application", "deployment", "maintenance", "restore"] : role => replace(replace(replace(replace(replace(
      file("${path.module}/../../docs/aws/${role}.json"),
      "REGION", var.region), "ACCOUNT", local.account), "PREFIX", local.table_prefix), "BUCKET", var.bucket),
      "RESTORED", coalesce(var.restore_prefix, "none")
    )
    if role != "restore" || var.restore_prefix != null
  }
  assume_by_tasks = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role" "task" {
  for_each           = local.policies
  name               = "${var.prefix}-${each.key}"
  assume_role_policy = local.assume_by_tasks
}

resource "aws_iam_role_policy" "task" {
  for_each = local.policies
  name     = each.key
  role     = aws_iam_role.task[each.key].id
  policy   = each.value
}

# Files are encrypted under our KMS key.
resource "aws_iam_role_policy" "files" {
  for_each = toset(["application", "maintenance"])
  name     = "files-key"
  role     = aws_iam_role.task[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = aws_kms_key.this.arn
      Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
    }]
  })
}

# nginx needs nothing at AWS.
resource "aws_iam_role" "proxy" {
  name               = "${var.prefix}-proxy"
  assume_role_policy = local.assume_by_tasks
}

# What starts tasks: reads the image, the secrets of this kind of task, and writes logs.
resource "aws_iam_role" "execution" {
  for_each           = local.secrets_of
  name               = "${var.prefix}-start-${each.key}"
  assume_role_policy = local.assume_by_tasks
}

resource "aws_iam_role_policy_attachment" "execution" {
  for_each   = aws_iam_role.execution
  role       = each.value.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role_policy" "execution" {
  for_each = aws_iam_role.execution
  name     = "secrets"
  role     = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = [for name in local.secrets_of[each.key] : aws_secretsmanager_secret.settings[name].arn]
      },
      {
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = aws_kms_key.this.arn
        Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${var.region}.amazonaws.com" } }
      },
    ]
  })
}

locals {
  secrets_of = {
    product = setunion(local.made_secrets, local.given_secrets)
    proxy   = local.tls_secrets
  }
}
