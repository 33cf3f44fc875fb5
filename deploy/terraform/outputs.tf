output "load_balancer" {
  description = "host_name is an alias (CNAME) of it"
  value       = aws_lb.this.dns_name
}

output "run_task" {
  description = "how a management command is run, here `tables` with the rights of deployment"
  value = join(" ", [
    "aws ecs run-task --region ${var.region} --cluster ${aws_ecs_cluster.this.name} --launch-type FARGATE",
    "--task-definition ${aws_ecs_task_definition.command["deployment"].family}",
    "--network-configuration 'awsvpcConfiguration={subnets=[${join(",", var.private_subnet_ids)}],securityGroups=[${aws_security_group.product.id}]}'",
    "--overrides '{\"containerOverrides\":[{\"name\":\"command\",\"command\":[\"python3\",\"manage.py\",\"tables\"]}]}'",
  ])
}

output "secrets_to_put" {
  description = "secrets whose value is put in by hand: aws secretsmanager put-secret-value --secret-id …"
  value       = [for name in setunion(local.given_secrets, local.tls_secrets) : aws_secretsmanager_secret.settings[name].name]
}
