#Requires -Version 5.1
#Requires -RunAsAdministrator
# Installs the Rollcall agent on a Windows machine and enrols it. It holds an enrolment secret: whoever reads it can enrol
# machines. A machine that is enrolled already stays as it is.
#
# ROLLCALL_CA_FILE in the environment names the PEM file of a certificate authority for the agent to trust; to download the
# agent, Windows has to trust it as well.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
[Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12

$server = {{ps .Server}}
$secret = {{ps .Secret}}
$packages = @{
{{- range .Packages}}
    {{ps .Arch}} = @({{ps .Name}}, {{ps .SHA256}})
{{- end}}
}

$machine = if ($env:PROCESSOR_ARCHITEW6432) { $env:PROCESSOR_ARCHITEW6432 } else { $env:PROCESSOR_ARCHITECTURE }
$arch = @{ 'AMD64' = 'amd64'; 'ARM64' = 'arm64' }[$machine]
if (-not $arch -or -not $packages.ContainsKey($arch)) { throw "The aggregator has no package of the agent for Windows on $machine." }
$name, $sum = $packages[$arch]

# A folder for the system and administrators alone.
$work = Join-Path $env:SystemRoot ('Temp\rollcall-' + [Guid]::NewGuid())
$null = New-Item -ItemType Directory -Path $work
try {
    $null = & icacls.exe $work /inheritance:r /grant:r '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F'
    if ($LASTEXITCODE -ne 0) { throw "icacls ended with $LASTEXITCODE." }
    $file = Join-Path $work $name
    Invoke-WebRequest -UseBasicParsing -Uri "$server/api/v1/agent_packages/$name" -Headers @{ Authorization = "Bearer $secret" } -OutFile $file
    $got = (Get-FileHash -Algorithm SHA256 -Path $file).Hash
    if ($got -ne $sum) { throw "$name is not the file that it should be: its SHA-256 is $got, not $sum." }
    $installer = Start-Process -Wait -PassThru -FilePath msiexec.exe -ArgumentList '/i', "`"$file`"", '/qn', '/norestart'
    if ($installer.ExitCode -notin 0, 3010) { throw "msiexec ended with $($installer.ExitCode)." }

    # Command lines are logged: the secret goes by way of a file.
    $secretFile = Join-Path $work 'secret'
    [IO.File]::WriteAllText($secretFile, $secret)
    $arguments = @('enroll', '--server', $server, '--secret-file', $secretFile)
    if ($env:ROLLCALL_CA_FILE) { $arguments += @('--ca-file', $env:ROLLCALL_CA_FILE) }
    & (Join-Path $env:ProgramFiles 'Rollcall Agent\rollcall-agent.exe') @arguments
    if ($LASTEXITCODE -ne 0) { throw "rollcall-agent enroll ended with $LASTEXITCODE." }
    Restart-Service -Name RollcallAgent
} finally {
    Remove-Item -Recurse -Force -Path $work
}
