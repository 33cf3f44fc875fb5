# Alarms on what AWS sees and on what the product logs.
resource "aws_sns_topic" "alarms" {
  name              = "${var.prefix}-alarms"
  kms_master_key_id = aws_kms_key.this.arn
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each  = var.alarm_emails
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

locals {
  # Sentences of the log (docs/operations/signals.md), by name of the alarm.
  logged = {
    data-keys-wrong   = "the data keys are wrong"
    rejected-for-good = "the database rejects a call for good"
    rights-missing    = "the database refuses a call"
    dead-letter       = "message moved to dead letters"
    redis-refuses     = "Redis refuses to count: rate limits are not shared"
    daily-limit       = "daily limit reached"
  }
  logged_by = {
    for pair in setproduct(keys(local.logged), keys(local.processes)) :
    "${pair[0]}-${pair[1]}" => { alarm = pair[0], process = pair[1] } if pair[1] != "beat"
  }
}

resource "aws_cloudwatch_log_metric_filter" "logged" {
  for_each       = local.logged_by
  name           = each.key
  log_group_name = aws_cloudwatch_log_group.this[each.value.process].name
  pattern        = "{ $.message = \"${local.logged[each.value.alarm]}\" }"
  metric_transformation {
    namespace = var.prefix
    name      = each.value.alarm
    value     = "1"
  }
}

resource "aws_cloudwatch_metric_alarm" "logged" {
  for_each            = local.logged
  alarm_name          = "${var.prefix}-${each.key}"
  alarm_description   = "The log has: ${each.value}"
  namespace           = var.prefix
  metric_name         = each.key
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

# A worker logs the state of the outbox each minute. No report means that no worker or no beat runs.
resource "aws_cloudwatch_log_metric_filter" "outbox_age" {
  name           = "outbox-age"
  log_group_name = aws_cloudwatch_log_group.this["worker"].name
  pattern        = "{ $.message = \"outbox status\" }"
  metric_transformation {
    namespace = var.prefix
    name      = "outbox-age"
    value     = "$.oldest_due_seconds"
    unit      = "Seconds"
  }
}

resource "aws_cloudwatch_metric_alarm" "outbox_age" {
  alarm_name          = "${var.prefix}-outbox-age"
  alarm_description   = "Mail and notifications wait for more than a minute: no worker or beat runs, they are too few, or a vendor is unavailable."
  namespace           = var.prefix
  metric_name         = "outbox-age"
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  threshold           = 60
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "tasks" {
  for_each            = merge({ for name, process in local.processes : name => process.count }, { proxy = var.counts["proxy"] })
  alarm_name          = "${var.prefix}-tasks-${each.key}"
  alarm_description   = "Fewer tasks of ${each.key} run than should."
  namespace           = "ECS/ContainerInsights"
  metric_name         = "RunningTaskCount"
  dimensions          = { ClusterName = aws_ecs_cluster.this.name, ServiceName = each.key }
  statistic           = "Minimum"
  period              = 60
  evaluation_periods  = 5
  threshold           = each.value
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "targets" {
  alarm_name          = "${var.prefix}-unhealthy-proxies"
  alarm_description   = "The load balancer does not reach an nginx."
  namespace           = "AWS/NetworkELB"
  metric_name         = "UnHealthyHostCount"
  dimensions          = { LoadBalancer = aws_lb.this.arn_suffix, TargetGroup = aws_lb_target_group.proxy["https"].arn_suffix }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "throttled" {
  for_each            = aws_dynamodb_table.records
  alarm_name          = "${each.value.name}-throttled"
  alarm_description   = "DynamoDB throttles ${each.value.name}: look for a hot key."
  namespace           = "AWS/DynamoDB"
  metric_name         = "ThrottledRequests"
  dimensions          = { TableName = each.value.name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  threshold           = 10
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "database_storage" {
  alarm_name          = "${var.prefix}-operators-storage"
  alarm_description   = "PostgreSQL has less than 2 GiB left."
  namespace           = "AWS/RDS"
  metric_name         = "FreeStorageSpace"
  dimensions          = { DBInstanceIdentifier = aws_db_instance.operators.identifier }
  statistic           = "Minimum"
  period              = 300
  evaluation_periods  = 3
  threshold           = 2147483648
  comparison_operator = "LessThanThreshold"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_metric_alarm" "redis_memory" {
  for_each            = toset(["001", "002"])
  alarm_name          = "${var.prefix}-queue-memory-${each.key}"
  alarm_description   = "Valkey has used 80 % of its memory: are there workers?"
  namespace           = "AWS/ElastiCache"
  metric_name         = "DatabaseMemoryUsagePercentage"
  dimensions          = { CacheClusterId = "${aws_elasticache_replication_group.queue.replication_group_id}-${each.key}" }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  threshold           = 80
  comparison_operator = "GreaterThanThreshold"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}
