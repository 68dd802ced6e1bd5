"""Which address a deployed stack connects from: what the partner has to let in."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cli.stack import Stack

NOT_KNOWN = (
    "AWS connects from addresses of its own that change, unless the stack is in a VPC (docs/deploy.md); name the stack "
    "with --stack to see which"
)


def address_of(stack: Stack) -> str:
    """In words; that it is not known where AWS does not tell."""
    try:
        return _address(stack)
    except (ClientError, BotoCoreError) as error:
        return f"not known: {error}"


def _address(stack: Stack) -> str:
    [found] = stack.client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"]
    parameters = {one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])}
    subnets = [one for one in parameters.get("VpcSubnetIds", "").split(",") if one]
    if not subnets:
        return f"the stack {stack.name} is in no VPC: AWS connects from public addresses that change (docs/deploy.md)"
    addresses = sorted(set(_nat_addresses(stack.client("ec2"), subnets)))
    if not addresses:
        return f"not known: the subnets {', '.join(subnets)} have no NAT gateway with a public address"
    return ", ".join(addresses)


def _nat_addresses(ec2: Any, subnets: list[str]) -> list[str]:  # noqa: ANN401  (boto3's clients have no common type)
    """Public addresses of the NAT gateways that the subnets' default routes lead to."""
    described = ec2.describe_subnets(SubnetIds=subnets)["Subnets"]
    vpcs = sorted({one["VpcId"] for one in described})
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": vpcs}])["RouteTables"]
    own = [table for table in tables if any(one.get("SubnetId") in subnets for one in table["Associations"])]
    main = [table for table in tables if any(one.get("Main") for one in table["Associations"])]
    gateways = sorted(
        {route["NatGatewayId"] for table in own or main for route in table["Routes"] if route.get("NatGatewayId")}
    )
    if not gateways:
        return []
    found = ec2.describe_nat_gateways(NatGatewayIds=gateways)["NatGateways"]
    return [one["PublicIp"] for gateway in found for one in gateway["NatGatewayAddresses"] if one.get("PublicIp")]
