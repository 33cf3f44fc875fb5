# web, telephony, worker and beat: one image, four services. Names inside the cluster are those of
# Service Connect: nginx reaches web:8000 and telephony:8000, whichever tasks there are.
locals {
  processes = { for name, process in jsondecode(file("${path.module}/processes.json")) : name => merge(process, {
    count = name == "beat" ? 1 : var.counts[name]
  }) }
  settings = merge(var.settings, {
    ENVIRONMENT           = "production"
    PUBLIC_BASE_URL       = "https://${var.host_name}"
    ALLOWED_HOSTS         = var.host_name
    AWS_REGION            = var.region
    DYNAMODB_TABLE_PREFIX = local.table_prefix
    STORAGE_BUCKET        = aws_s3_bucket.files.bucket
    # Requests arrive through the connector of Service Connect beside the process.
    TRUSTED_PROXIES = join(",", ["127.0.0.0/8", data.aws_vpc.this.cidr_block])
  })
  writable = { tmp = "/tmp", state = "/var/lib/dutyline", authorities = "/etc/dutyline" }

  # Of every container of the product.
  container = {
    image                  = var.image
    essential              = true
    readonlyRootFilesystem = true
    user                   = "10001:10001"
    environment            = [for name, value in local.settings : { name = name, value = value }]
    secrets                = [for name in local.secrets_of.product : { name = name, valueFrom = aws_secretsmanager_secret.settings[name].arn }]
    mountPoints            = [for name, path in local.writable : { sourceVolume = name, containerPath = path }]
    dependsOn              = [{ containerName = "authorities", condition = "SUCCESS" }]
    stopTimeout            = 60
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
  }

  # PostgreSQL's authorities as a file: RDS has its own, and ECS hands values over as variables only.
  authorities = {
    name                   = "authorities"
    image                  = var.image
    essential              = false
    readonlyRootFilesystem = true
    user                   = "0:0" # the new volume is root's
    command                = ["python3", "-c", "import os, pathlib; pathlib.Path('/etc/dutyline/rds.pem').write_text(os.environ['AUTHORITIES'])"]
    environment            = [{ name = "AUTHORITIES", value = var.database_certificates }]
    mountPoints            = [{ sourceVolume = "authorities", containerPath = "/etc/dutyline" }]
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each          = toset(concat(keys(local.processes), ["command", "proxy"]))
  name              = "/${var.prefix}/${each.key}"
  retention_in_days = 90
  kms_key_id        = aws_kms_key.this.arn
}

locals {
  logs = { for name, group in aws_cloudwatch_log_group.this : name => {
    logDriver = "awslogs"
    options   = { awslogs-group = group.name, awslogs-region = var.region, awslogs-stream-prefix = name }
  } }
}

resource "aws_ecs_cluster" "this" {
  name = var.prefix
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_service_discovery_http_namespace" "this" {
  name = var.prefix
}

resource "aws_security_group" "product" {
  name        = "${var.prefix}-product"
  description = "web, telephony, worker and beat"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "product" {
  security_group_id = aws_security_group.product.id
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
  description       = "Auth0, Twilio, Expo, mail, AWS"
}

resource "aws_vpc_security_group_ingress_rule" "product" {
  security_group_id            = aws_security_group.product.id
  referenced_security_group_id = aws_security_group.proxy.id
  ip_protocol                  = "tcp"
  from_port                    = 8000
  to_port                      = 8000
  description                  = "nginx"
}

resource "aws_ecs_task_definition" "process" {
  for_each                 = local.processes
  family                   = "${var.prefix}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  task_role_arn            = aws_iam_role.task["application"].arn
  execution_role_arn       = aws_iam_role.execution["product"].arn
  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }
  dynamic "volume" {
    for_each = local.writable
    content {
      name = volume.key
    }
  }
  container_definitions = jsonencode([
    merge(local.authorities, { logConfiguration = local.logs[each.key] }),
    merge(local.container, {
      name             = each.key
      command          = each.value.command
      logConfiguration = local.logs[each.key]
      }, { for key, value in {
        portMappings = [{ name = each.key, containerPort = each.value.port, protocol = "tcp" }]
        healthCheck = {
          command     = ["CMD", "python3", "-ISc", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=3); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
          interval    = 10
          timeout     = 3
          retries     = 3
          startPeriod = 30
        }
      } : key => value if each.value.port != null
    }),
  ])
}

resource "aws_ecs_service" "process" {
  for_each                           = local.processes
  name                               = each.key
  cluster                            = aws_ecs_cluster.this.id
  task_definition                    = aws_ecs_task_definition.process[each.key].arn
  desired_count                      = each.value.count
  launch_type                        = "FARGATE"
  deployment_minimum_healthy_percent = each.key == "beat" ? 0 : 100
  deployment_maximum_percent         = each.key == "beat" ? 100 : 200
  enable_execute_command             = false
  propagate_tags                     = "SERVICE"
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  network_configuration {
    subnets         = var.private_subnet_ids
    security_groups = [aws_security_group.product.id]
  }
  dynamic "service_connect_configuration" {
    for_each = each.value.port == null ? [] : [each.value.port]
    content {
      enabled   = true
      namespace = aws_service_discovery_http_namespace.this.arn
      service {
        port_name      = each.key
        discovery_name = each.key
        client_alias {
          dns_name = each.key
          port     = service_connect_configuration.value
        }
      }
    }
  }
  depends_on = [aws_secretsmanager_secret_version.database, aws_secretsmanager_secret_version.redis, aws_secretsmanager_secret_version.secret_key]
}

# For management commands: `aws ecs run-task` with the command as an override (deploy/README.md).
resource "aws_ecs_task_definition" "command" {
  for_each                 = local.policies
  family                   = "${var.prefix}-command-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 512
  memory                   = 2048
  task_role_arn            = aws_iam_role.task[each.key].arn
  execution_role_arn       = aws_iam_role.execution["product"].arn
  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }
  dynamic "volume" {
    for_each = local.writable
    content {
      name = volume.key
    }
  }
  container_definitions = jsonencode([
    merge(local.authorities, { logConfiguration = local.logs["command"] }),
    merge(local.container, {
      name    = "command"
      command = ["python3", "manage.py", "help"]
      environment = [for name, value in local.settings : {
        name  = name
        value = name == "DYNAMODB_TABLE_PREFIX" && each.key == "restore" ? var.restore_prefix : value
      }]
      logConfiguration = local.logs["command"]
    }),
  ])
}
