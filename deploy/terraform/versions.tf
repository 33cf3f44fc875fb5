# Dutyline on AWS. deploy/README.md says what to do with it, what was run and what was only validated.
terraform {
  required_version = ">= 1.11" # passwords that are written once and are in no state file
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }
  # Keep the state in a bucket of its own, encrypted and versioned, with a lock:
  # backend "s3" { use_lockfile = true }
}

provider "aws" {
  region = var.region
  default_tags {
    tags = { product = "dutyline", installation = var.prefix }
  }
}

data "aws_caller_identity" "current" {}
data "aws_vpc" "this" {
  id = var.vpc_id
}

locals {
  account = data.aws_caller_identity.current.account_id
}
