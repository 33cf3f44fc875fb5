# A network load balancer passes TCP on to nginx, with the PROXY protocol; TLS ends at nginx, whose
# configuration is the tested one (deploy/nginx.conf). An application load balancer would end TLS
# before nginx, and would not buffer whole requests in its place.
resource "aws_security_group" "proxy" {
  name        = "${var.prefix}-proxy"
  description = "nginx: from the load balancer only"
  vpc_id      = var.vpc_id
}

resource "aws_security_group" "balancer" {
  name        = "${var.prefix}-balancer"
  description = "the public addresses"
  vpc_id      = var.vpc_id
}

locals {
  public_ports = { https = { listen = 443, nginx = 8443 }, http = { listen = 80, nginx = 8080 } }
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  for_each          = local.public_ports
  security_group_id = aws_security_group.balancer.id
  ip_protocol       = "tcp"
  from_port         = each.value.listen
  to_port           = each.value.listen
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  for_each                     = local.public_ports
  security_group_id            = aws_security_group.balancer.id
  referenced_security_group_id = aws_security_group.proxy.id
  ip_protocol                  = "tcp"
  from_port                    = each.value.nginx
  to_port                      = each.value.nginx
}

resource "aws_vpc_security_group_ingress_rule" "proxy" {
  for_each                     = local.public_ports
  security_group_id            = aws_security_group.proxy.id
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = each.value.nginx
  to_port                      = each.value.nginx
}

resource "aws_vpc_security_group_egress_rule" "proxy" {
  security_group_id = aws_security_group.proxy.id
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
  description       = "web and telephony; image and logs at AWS"
}

resource "aws_lb" "this" {
  name                             = var.prefix
  load_balancer_type               = "network"
  subnets                          = var.public_subnet_ids
  security_groups                  = [aws_security_group.balancer.id]
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = true
}

resource "aws_lb_target_group" "proxy" {
  for_each             = local.public_ports
  name                 = "${var.prefix}-${each.key}"
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "TCP"
  port                 = each.value.nginx
  proxy_protocol_v2    = true
  preserve_client_ip   = "false"
  deregistration_delay = 60
  health_check {
    protocol            = "TCP"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "proxy" {
  for_each          = local.public_ports
  load_balancer_arn = aws_lb.this.arn
  protocol          = "TCP"
  port              = each.value.listen
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.proxy[each.key].arn
  }
}

resource "aws_ecs_task_definition" "proxy" {
  family                   = "${var.prefix}-proxy"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 512
  memory                   = 1024
  task_role_arn            = aws_iam_role.proxy.arn
  execution_role_arn       = aws_iam_role.execution["proxy"].arn
  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }
  volume {
    name = "tmp"
  }
  container_definitions = jsonencode([{
    name                   = "proxy"
    image                  = var.proxy_image
    essential              = true
    readonlyRootFilesystem = true
    portMappings           = [for name, port in local.public_ports : { name = name, containerPort = port.nginx, protocol = "tcp" }]
    mountPoints            = [{ sourceVolume = "tmp", containerPath = "/tmp" }]
    environment = [
      { name = "HOST_NAME", value = var.host_name },
      { name = "WEB", value = "web:8000" },
      { name = "TELEPHONY", value = "telephony:8000" },
      { name = "PROXY_PROTOCOL_FROM", value = data.aws_vpc.this.cidr_block },
    ]
    secrets          = [for name in local.tls_secrets : { name = name, valueFrom = aws_secretsmanager_secret.settings[name].arn }]
    linuxParameters  = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    ulimits          = [{ name = "nofile", softLimit = 32768, hardLimit = 32768 }]
    stopTimeout      = 60
    logConfiguration = local.logs["proxy"]
  }])
}

resource "aws_ecs_service" "proxy" {
  name                               = "proxy"
  cluster                            = aws_ecs_cluster.this.id
  task_definition                    = aws_ecs_task_definition.proxy.arn
  desired_count                      = var.counts["proxy"]
  launch_type                        = "FARGATE"
  deployment_minimum_healthy_percent = 100
  health_check_grace_period_seconds  = 30
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  network_configuration {
    subnets         = var.private_subnet_ids
    security_groups = [aws_security_group.proxy.id]
  }
  service_connect_configuration {
    enabled   = true
    namespace = aws_service_discovery_http_namespace.this.arn
  }
  dynamic "load_balancer" {
    for_each = local.public_ports
    content {
      target_group_arn = aws_lb_target_group.proxy[load_balancer.key].arn
      container_name   = "proxy"
      container_port   = load_balancer.value.nginx
    }
  }
  depends_on = [aws_lb_listener.proxy, aws_ecs_service.process]
}
