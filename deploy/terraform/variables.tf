variable "region" {
  description = "AWS_REGION"
  type        = string
}

variable "prefix" {
  description = "The beginning of all names, and DYNAMODB_TABLE_PREFIX unless table_prefix is given. No prefix of an account may begin with another one and a hyphen."
  type        = string
  validation {
    condition     = length(var.prefix) >= 6 && length(var.prefix) <= 20 && can(regex("^[a-z][a-z0-9-]*$", var.prefix))
    error_message = "6 to 20 of a-z, 0-9 and the hyphen."
  }
}

variable "table_prefix" {
  description = "DYNAMODB_TABLE_PREFIX if it is not the prefix: that of restored tables (docs/operations/backup.md)"
  type        = string
  default     = null
}

variable "restore_prefix" {
  description = "the new table prefix while a restore or a drill is under way: makes the role and the command task `restore`"
  type        = string
  default     = null
}

variable "bucket" {
  description = "STORAGE_BUCKET: the name of the bucket that is created"
  type        = string
}

variable "vpc_id" {
  description = "the network in which everything runs"
  type        = string
}

variable "public_subnet_ids" {
  description = "subnets of the load balancer, in two zones at least"
  type        = list(string)
}

variable "private_subnet_ids" {
  description = "subnets of tasks and databases, in two zones at least, with a way out (NAT) to Auth0, Twilio, Expo and mail"
  type        = list(string)
}

variable "private_route_table_ids" {
  description = "route tables of the private subnets: DynamoDB and S3 are reached inside AWS"
  type        = list(string)
}

variable "image" {
  description = "the image of the product, with its digest"
  type        = string
}

variable "proxy_image" {
  description = "the image of nginx (target proxy of the Dockerfile), with its digest"
  type        = string
}

variable "architecture" {
  description = "for what the images are built: X86_64 or ARM64"
  type        = string
  default     = "X86_64"
}

variable "host_name" {
  description = "the host name of PUBLIC_BASE_URL"
  type        = string
}

variable "settings" {
  description = "Settings that are no secrets (docs/operations/settings.md); those that follow from this stack are added"
  type        = map(string)
  validation {
    condition = alltrue([for name in [
      "AUTH0_AUDIENCE", "AUTH0_CLIENT_ID", "AUTH0_ISSUER", "AUTH0_ROLES_CLAIM", "AUTH0_SSO_CLIENT_ID",
      "DEFAULT_FROM_EMAIL", "TWILIO_ACCOUNT_SID", "TWILIO_CALLER_ID",
    ] : contains(keys(var.settings), name)])
    error_message = "AUTH0_AUDIENCE, AUTH0_CLIENT_ID, AUTH0_ISSUER, AUTH0_ROLES_CLAIM, AUTH0_SSO_CLIENT_ID, DEFAULT_FROM_EMAIL, TWILIO_ACCOUNT_SID and TWILIO_CALLER_ID are required."
  }
}

variable "optional_secrets" {
  description = "secret settings beyond the required ones, such as EXPO_ACCESS_TOKEN or TWILIO_AUTH_TOKEN_OLD"
  type        = set(string)
  default     = []
}

variable "counts" {
  description = "tasks per process; beat is always one"
  type        = map(number)
  default     = { web = 2, telephony = 2, worker = 2, proxy = 2 }
}

variable "database_class" {
  type    = string
  default = "db.t4g.small"
}

variable "redis_class" {
  type    = string
  default = "cache.t4g.small"
}

variable "database_certificates" {
  description = "PEM text: the authorities of RDS for the region, which AWS publishes"
  type        = string
}

variable "redis_password" {
  description = "the password of Valkey, 32 letters and digits; give it as TF_VAR_redis_password. It stays in the state: encrypt that"
  type        = string
  sensitive   = true
  validation {
    condition     = can(regex("^[A-Za-z0-9]{32,128}$", var.redis_password))
    error_message = "32 to 128 letters and digits."
  }
}

variable "password_version" {
  description = "raise it to have the password of PostgreSQL made anew"
  type        = number
  default     = 1
}

variable "alarm_emails" {
  description = "who gets the alarms"
  type        = set(string)
}
