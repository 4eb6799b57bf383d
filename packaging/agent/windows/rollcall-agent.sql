UPDATE `Property` SET `Value` = 'SERVER;SECRET;CA_FILE;WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED' WHERE `Property` = 'SecureCustomProperties'
INSERT INTO `Property` (`Property`, `Value`) VALUES ('MsiHiddenProperties', 'SECRET;Enroll;EnrollTrusting')
UPDATE `CustomAction` SET `Type` = 11282 WHERE `Action` = 'Enroll'
UPDATE `CustomAction` SET `Type` = 11282 WHERE `Action` = 'EnrollTrusting'
INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('RemoveState', 3170, 'CommonAppDataFolder', '[System64Folder]cmd.exe /c rmdir /s /q "[CommonAppDataFolder]Rollcall Agent"')
INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('RemoveState', 'REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE', 1910)
