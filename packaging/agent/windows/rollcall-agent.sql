UPDATE `Property` SET `Value` = 'SERVER;SECRET;CA_FILE;WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED' WHERE `Property` = 'SecureCustomProperties'
INSERT INTO `Property` (`Property`, `Value`) VALUES ('MsiHiddenProperties', 'SECRET;Enroll;EnrollTrusting')
UPDATE `CustomAction` SET `Type` = 11282 WHERE `Action` = 'Enroll'
UPDATE `CustomAction` SET `Type` = 11282 WHERE `Action` = 'EnrollTrusting'
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('RemoveState', 3170, 'CommonAppDataFolder', '[System64Folder]cmd.exe /c rmdir /s /q "[CommonAppDataFolder]Rollcall Agent"')
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('RemoveState', 'REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE', 1910)
DELETE FROM `Upgrade` WHERE `ActionProperty` = 'WIX_UPGRADE_DETECTED'
INSERT INTO `Upgrade` (`UpgradeCode`, `VersionMax`, `Attributes`, `ActionProperty`) VALUES ('{5A3C1F64-3A0E-5C8B-9D0B-6B7B0C1E4F21}', '$(var.Version)', 513, 'WIX_UPGRADE_DETECTED')
